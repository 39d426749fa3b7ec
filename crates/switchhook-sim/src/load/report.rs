//! Reports the results of a load.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Table, presets};
use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::process::Usage;
use super::{LoadOptions, Pace};
use crate::switch::CallRecord;

/// Delay above which the load generator, not the target, held a call up.
const LATE: Duration = Duration::from_millis(5);
/// Number of different problems that the report shows.
const SHOWN: usize = 5;

/// A distribution of times, serialized in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Quantiles(Option<Histogram<u64>>);

impl Quantiles {
    fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if self.0.is_none() {
            // The range is one microsecond to ten minutes with three digits. Only invalid bounds
            // are refused.
            self.0 = Histogram::new_with_bounds(1, 600_000_000, 3).ok();
        }
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros);
        }
    }

    /// Adds the times of another distribution to this one.
    pub(super) fn add(&mut self, others: &Self) {
        match (&mut self.0, &others.0) {
            // Both have the same bounds, so the addition cannot fail.
            (Some(own), Some(others)) => drop(own.add(others)),
            (None, others) => self.0.clone_from(others),
            (Some(_), None) => {}
        }
    }

    /// Returns the number of recorded times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// Returns the time in microseconds below which this share of the times lies.
    #[must_use]
    pub fn micros(&self, share: f64) -> Option<u64> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some(histogram.value_at_quantile(share))
    }
}

#[derive(Serialize)]
struct Shown {
    count: u64,
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
}

impl Serialize for Quantiles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown {
            count: self.count(),
            p50: self.micros(0.5),
            p90: self.micros(0.9),
            p99: self.micros(0.99),
            max: self.micros(1.0),
        }
        .serialize(serializer)
    }
}

/// The result of one load, with times in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// The program under load.
    pub target: String,
    /// `wire`, `ticked` or `faithful`.
    pub pace: &'static str,
    /// Calls placed.
    pub calls: u64,
    /// Requested calls per second.
    pub rate: f64,
    /// Calls per second that came back, over the whole run.
    pub calls_per_s: f64,
    /// Calls that the target did not return to their dialplan.
    pub errors: u64,
    /// Calls that took a line other than the expected one.
    pub wrong_lines: u64,
    /// Calls that came back with an unexpected variable.
    pub wrong_variables: u64,
    /// Calls in which the target did something that harms a switch or a caller.
    pub violations: u64,
    /// Descriptions of some of the problems.
    pub problems: Vec<String>,
    /// Time from the accepted connection to the first command byte.
    pub to_first_command: Quantiles,
    /// Time from the last byte of the webhook's answer to the next command byte.
    pub answer_to_first_command: Quantiles,
    /// Time from the last byte of the webhook's answer to the last command byte.
    pub answer_to_last_command: Quantiles,
    /// Time from the accepted connection until the dialplan continues.
    pub whole_call: Quantiles,
    /// Delay between a call's due time and its start.
    pub late: Quantiles,
    /// Whether the load generator itself was the bottleneck; the figures then say nothing about
    /// the target.
    pub(crate) bottleneck: bool,
    /// Resources that the target's process used, if its pid was given.
    pub process: Option<Usage>,
    /// Processor time of the load generator, milliseconds.
    pub(crate) own_cpu_ms: Option<u64>,
    /// Bytes that the target wrote to the switch in all calls.
    pub bytes: u64,
    /// Commands that the target sent to the switch in all calls.
    pub commands: u64,
    /// Highest number of times in one call that the target wrote after it had every reply to its
    /// earlier writes.
    pub(crate) round_trips: usize,
    /// Whether there were no errors, wrong lines, wrong variables or violations, and the load
    /// generator kept up.
    pub passed: bool,
    #[serde(skip)]
    pub(super) back: u64,
}

impl LoadReport {
    pub(super) fn new(options: &LoadOptions) -> Self {
        Self {
            target: options.target.clone(),
            pace: match options.pace {
                Pace::Wire => "wire",
                Pace::Ticked => "ticked",
                Pace::Faithful => "faithful",
            },
            calls: options.calls,
            rate: options.rate,
            calls_per_s: 0.0,
            errors: 0,
            wrong_lines: 0,
            wrong_variables: 0,
            violations: 0,
            problems: Vec::new(),
            to_first_command: Quantiles::default(),
            answer_to_first_command: Quantiles::default(),
            answer_to_last_command: Quantiles::default(),
            whole_call: Quantiles::default(),
            late: Quantiles::default(),
            bottleneck: false,
            process: None,
            own_cpu_ms: None,
            bytes: 0,
            commands: 0,
            round_trips: 0,
            passed: false,
            back: 0,
        }
    }

    pub(super) fn late(&mut self, time: Duration) {
        self.late.record(time);
    }

    /// Counts a call that could not be placed.
    pub(super) fn not_placed(&mut self) {
        self.errors += 1;
        self.problem("a call could not be placed: too many are up".into());
        self.bottleneck = true;
    }

    pub(super) fn error(&mut self, record: &CallRecord) {
        self.errors += 1;
        self.problem(format!("a call ended as {:?}", record.left));
        self.violated(record);
    }

    pub(super) fn wrong_line(&mut self) {
        self.wrong_lines += 1;
    }

    /// Counts a call whose channel lacks an expected variable.
    pub(super) fn wrong_variables(&mut self, record: &CallRecord, expected: &[(String, String)]) {
        let wrong = expected
            .iter()
            .find(|(name, value)| record.variables.get(name) != Some(value));
        if let Some((name, value)) = wrong {
            self.wrong_variables += 1;
            let found = record.variables.get(name);
            self.problem(format!("{name} is {found:?} and not {value:?}"));
        }
    }

    fn violated(&mut self, record: &CallRecord) {
        self.violations += u64::from(!record.violations.is_empty());
        record
            .violations
            .iter()
            .for_each(|what| self.problem(what.clone()));
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < SHOWN && !self.problems.contains(&what) {
            self.problems.push(what);
        }
    }

    /// Records a call that came back, with the time at which its webhook's answer was written.
    pub(super) fn call(&mut self, record: &CallRecord, answered: Option<Instant>) {
        self.back += 1;
        self.violated(record);
        self.bytes += record.traffic.bytes as u64;
        self.commands += record.traffic.commands as u64;
        self.round_trips = self.round_trips.max(record.traffic.round_trips);
        let arrivals = &record.traffic.arrivals;
        let since =
            |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
        let record_in = |quantiles: &mut Quantiles, time: Option<Duration>| {
            if let Some(time) = time {
                quantiles.record(time);
            }
        };
        let after = answered.and_then(|at| arrivals.iter().find(|arrival| **arrival >= at));
        record_in(
            &mut self.to_first_command,
            since(record.connected, arrivals.first().copied()),
        );
        record_in(
            &mut self.answer_to_first_command,
            since(answered, after.copied()),
        );
        let last = after.and(arrivals.last()).copied();
        record_in(&mut self.answer_to_last_command, since(answered, last));
        record_in(&mut self.whole_call, since(record.connected, record.ended));
    }

    pub(super) fn finish(&mut self, took: Duration, target: Option<Usage>, own: Option<Usage>) {
        let back = self.back as f64;
        self.calls_per_s = back / took.as_secs_f64().max(f64::MIN_POSITIVE);
        self.process = target;
        self.own_cpu_ms = own.map(|usage| usage.cpu_ms);
        let late = self.late.micros(0.99).unwrap_or(0);
        self.bottleneck |= u128::from(late) > LATE.as_micros();
        let wrong = self.wrong_lines + self.wrong_variables + self.violations;
        self.passed = self.errors + wrong == 0 && !self.bottleneck;
    }

    /// Returns the report as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        one_line(self)
    }

    /// Returns the report as a table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["time in ms", "calls", "p50", "p90", "p99", "max"]);
        for (name, quantiles) in [
            ("accepted to first command", &self.to_first_command),
            ("answer out to first command", &self.answer_to_first_command),
            ("answer out to last command", &self.answer_to_last_command),
            ("whole call", &self.whole_call),
            ("calls begun late", &self.late),
        ] {
            let at = |share| quantiles.micros(share).map_or("-".into(), millis);
            let count = quantiles.count().to_string();
            table.add_row([name.to_owned(), count, at(0.5), at(0.9), at(0.99), at(1.0)]);
        }
        format!("{table}\n{}", self.summary())
    }

    fn summary(&self) -> String {
        let mut text = format!(
            "{} calls at {}/s ({}): {:.1} calls/s came back, {} errors, {} on a wrong line, {} with a wrong variable, {} with violations.\n",
            self.calls,
            self.rate,
            self.pace,
            self.calls_per_s,
            self.errors,
            self.wrong_lines,
            self.wrong_variables,
            self.violations
        );
        if let Some(usage) = &self.process {
            let each = usage
                .kib_per_call
                .map_or("-".into(), |kib| format!("{kib:.1}"));
            // A write to a string cannot fail.
            let _ = writeln!(
                text,
                "target: {} KiB idle, {} KiB at most, {each} KiB a waiting call (of {}), {} ms of processor.",
                usage.idle_kib, usage.peak_kib, usage.peak_calls, usage.cpu_ms
            );
        }
        for problem in &self.problems {
            let _ = writeln!(text, "problem: {problem}");
        }
        if self.bottleneck {
            text.push_str(
                "The load generator was itself the bottleneck: calls began late. Lower --rate.\n",
            );
        }
        text
    }
}

/// Returns a report as one JSON object.
pub(super) fn one_line(report: &impl Serialize) -> String {
    serde_json::to_string(report).unwrap_or_else(|error| {
        // Numbers and strings always serialize. An error text is still better than a panic.
        format!(r#"{{"passed":false,"error":"{error}"}}"#)
    })
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_arrivals_are_our_own_fault_and_disqualify_the_run() {
        let mut report = LoadReport::new(&LoadOptions::default());
        report.late(Duration::from_millis(50));
        report.finish(Duration::from_secs(1), None, None);
        assert!(report.bottleneck && !report.passed);
        assert!(report.table().contains("bottleneck"));
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert!(json["late"]["p99"].as_u64().unwrap() >= 50_000);
        assert_eq!(json["whole_call"]["p50"], serde_json::Value::Null);
    }
}
