//! Counts metrics and renders them in Prometheus's text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Histograms are kept as counts of their buckets, so memory depends on the number of series
//! alone, also where nobody scrapes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{
    Counter, Gauge, GaugeFn as _, Histogram, HistogramFn, Key, KeyName, Label, Metadata, Recorder,
    SharedString, Unit,
};

use crate::metric_names::SECONDS_BUCKETS;

/// A recorder of the `metrics` macros. Clones share the metrics.
#[derive(Clone, Default)]
pub struct MetricsRecorder(Arc<Registry>);

#[derive(Default)]
struct Registry {
    help: RwLock<BTreeMap<KeyName, SharedString>>,
    counters: Series<AtomicU64>,
    /// The bits of an `f64`.
    gauges: Series<AtomicU64>,
    histograms: Series<Distribution>,
}

/// Metrics of one kind, by name and labels.
type Series<T> = RwLock<HashMap<Key, Arc<T>, BuildHasherDefault<KeyHasher>>>;

/// Takes the hash that a [`Key`] carries.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}

/// A histogram of seconds.
#[derive(Default)]
struct Distribution {
    /// The values up to each bound and above the bound before it; the last are above all bounds.
    counts: [AtomicU64; SECONDS_BUCKETS.len() + 1],
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl HistogramFn for Distribution {
    fn record(&self, seconds: f64) {
        let bucket = SECONDS_BUCKETS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.increment(seconds);
    }
}

impl MetricsRecorder {
    /// Returns all metrics as text, sorted by kind, name and labels.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.families(&mut out, "counter", &self.0.counters, |out, key, count| {
            sample(out, key, "", None, &count.load(Ordering::Relaxed));
        });
        self.families(&mut out, "gauge", &self.0.gauges, |out, key, bits| {
            let value = float(bits);
            // What a gauge measured is gone if it is no number.
            if !value.0.is_nan() {
                sample(out, key, "", None, &value);
            }
        });
        self.families(&mut out, "histogram", &self.0.histograms, buckets);
        out
    }

    fn families<T>(
        &self,
        out: &mut String,
        kind: &str,
        series: &Series<T>,
        write: impl Fn(&mut String, &Key, &T),
    ) {
        let series = series.read().unwrap_or_else(PoisonError::into_inner);
        let help = self.0.help.read().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<(&Key, &Arc<T>)> = series.iter().collect();
        sorted.sort_by(|(one, _), (other, _)| {
            let names = one.name().cmp(other.name());
            names.then_with(|| one.labels().cmp(other.labels()))
        });
        for family in sorted.chunk_by(|one, next| one.0.name() == next.0.name()) {
            let Some(name) = family.first().map(|(key, _)| key.name()) else {
                continue;
            };
            if let Some(text) = help.get(name) {
                let _ = writeln!(out, "# HELP {name} {}", Escaped(text, false));
            }
            let _ = writeln!(out, "# TYPE {name} {kind}");
            for (key, value) in family {
                write(out, key, value);
            }
            out.push('\n');
        }
    }

    fn describe(&self, name: KeyName, text: SharedString) {
        let help = self.0.help.write();
        help.unwrap_or_else(PoisonError::into_inner)
            .insert(name, text);
    }
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.describe(name, text);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.describe(name, text);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        self.describe(name, text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(registered(&self.0.counters, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(registered(&self.0.gauges, key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(registered(&self.0.histograms, key))
    }
}

/// Returns the metric of a key. At first it is zero.
fn registered<T: Default>(series: &Series<T>, key: &Key) -> Arc<T> {
    let known = series.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(metric) = known.get(key) {
        return Arc::clone(metric);
    }
    drop(known);
    let mut series = series.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(series.entry(key.clone()).or_default())
}

/// Writes the samples of a histogram; the buckets of the format are cumulative.
fn buckets(out: &mut String, key: &Key, distribution: &Distribution) {
    let mut count = 0;
    let bounds = SECONDS_BUCKETS.into_iter().chain([f64::INFINITY]);
    for (bound, in_bucket) in bounds.zip(&distribution.counts) {
        count += in_bucket.load(Ordering::Relaxed);
        sample(out, key, "_bucket", Some(Number(bound)), &count);
    }
    sample(out, key, "_sum", None, &float(&distribution.sum));
    sample(out, key, "_count", None, &count);
}

/// Writes one line. `bound` becomes the label `le`.
fn sample(
    out: &mut String,
    key: &Key,
    suffix: &str,
    bound: Option<Number>,
    value: &dyn fmt::Display,
) {
    let labels = key.labels().map(label).chain(bound.map(le));
    let labels: Vec<String> = labels.collect();
    let name = key.name();
    // Writing to a String cannot fail.
    let _ = if labels.is_empty() {
        writeln!(out, "{name}{suffix} {value}")
    } else {
        writeln!(out, "{name}{suffix}{{{}}} {value}", labels.join(","))
    };
}

fn label(label: &Label) -> String {
    format!("{}=\"{}\"", label.key(), Escaped(label.value(), true))
}

fn le(bound: Number) -> String {
    format!("le=\"{bound}\"")
}

fn float(bits: &AtomicU64) -> Number {
    Number(f64::from_bits(bits.load(Ordering::Relaxed)))
}

struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_infinite() {
            f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            self.0.fmt(f)
        }
    }
}

/// Text with escaped backslashes and line feeds, and quotes if it stands in quotes.
struct Escaped<'a>(&'a str, bool);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '\n' => f.write_str("\\n"),
            '"' if self.1 => f.write_str("\\\""),
            c => f.write_char(c),
        })
    }
}
