//! How a webhook is, from what its last answers tell, in numbers and in words.

use std::collections::BTreeMap;
use std::time::Duration;
use switchhook_core::clock;

use maud::{Markup, html};
use tokio::time::Instant;

use crate::format;
use crate::http::Ops;
use crate::live_calls::Sample;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_core::outcome::Reason;
use switchhook_webhook::breakers::{Again, PausedWebhook};

/// Failures in a row after which a webhook is called ill though it was well before.
const IN_A_ROW: usize = 3;
/// As many as the board keeps of each: what was before is not known.
const KEPT: usize = 256;

/// What the last answers of a webhook tell.
pub(crate) struct Health {
    /// The webhook.
    pub name: String,
    /// The last answers, the oldest first.
    pub samples: Vec<Sample>,
    /// Its rest, while nobody is kept waiting for it.
    pub rest: Option<PausedWebhook>,
}

impl Health {
    /// Of every webhook that is counted: the ill first, then those with answers.
    pub(super) fn all(ops: &Ops, figures: &MetricsReader<'_>) -> Vec<Self> {
        let mut samples = ops.live_calls.samples();
        let names = figures.labels(metric_names::LOOKUPS, "webhook");
        let all = names
            .into_iter()
            .map(|name| Self::take(ops, name, &mut samples));
        let mut all: Vec<Self> = all.collect();
        all.sort_by_key(|one| (!one.is_ill(), one.samples.is_empty()));
        all
    }

    /// Of one.
    pub(super) fn of(ops: &Ops, name: &str) -> Self {
        Self::take(ops, name.to_owned(), &mut ops.live_calls.samples())
    }

    fn take(ops: &Ops, name: String, samples: &mut BTreeMap<String, Vec<Sample>>) -> Self {
        Self {
            rest: ops.breakers.resting(&name),
            samples: samples.remove(&name).unwrap_or_default(),
            name,
        }
    }

    /// How many took line 0.
    pub(super) fn well(&self) -> usize {
        self.samples.iter().filter(|sample| sample.well()).count()
    }

    fn failed(&self) -> usize {
        self.samples.len() - self.well()
    }

    /// Failures at the end, one after the other.
    fn in_a_row(&self) -> usize {
        let last = self.samples.iter().rev();
        last.take_while(|sample| !sample.well()).count()
    }

    /// It fails now, and not by chance.
    pub(super) fn is_ill(&self) -> bool {
        let row = self.in_a_row();
        self.rest.is_some()
            || row >= IN_A_ROW
            || (row > 0 && self.failed() * 2 > self.samples.len())
    }

    /// In words: what is wrong now, since when, how often.
    pub(super) fn pill(&self, ops: &Ops) -> Markup {
        let (failed, all) = (self.failed(), self.samples.len());
        html! {
            @if let Some(rest) = &self.rest {
                span.pill.bad title={ "Calls take line 1 with CIRCUIT_OPEN until it answers one of them. The last failure: " (rest.why) } {
                    "resting since " (Self::at(ops, rest.since_ms)) ", "
                    @match rest.again {
                        Again::At(ms) => { "asked again at " (Self::at(ops, ms)) }
                        Again::NextCall => { "asked again with the next call" }
                        Again::Now => { "asked again just now" }
                    }
                }
            } @else if all == 0 {
            } @else if self.is_ill() {
                span.pill.bad {
                    "failing since " (self.clock(ops, all - self.in_a_row()))
                    ", last good " (self.last_good(ops)) ", " (failed) " of " (all) " failed"
                }
            } @else if failed == 0 {
                span.pill.good { "well" }
            } @else {
                span.pill.odd { (failed) " of " (all) " failed" }
            }
        }
    }

    fn last_good(&self, ops: &Ops) -> String {
        match self.samples.iter().rposition(Sample::well) {
            Some(place) => self.clock(ops, place),
            None if self.samples.len() >= KEPT => format!("before {}", self.clock(ops, 0)),
            None => "never".into(),
        }
    }

    /// When that answer came.
    fn clock(&self, ops: &Ops, place: usize) -> String {
        let ago = self.samples.get(place).map(|sample| sample.at.elapsed());
        let ago = ago.map_or(0, |ago| i64::try_from(ago.as_millis()).unwrap_or(i64::MAX));
        Self::at(ops, clock::now_ms().saturating_sub(ago))
    }

    fn at(ops: &Ops, ms: i64) -> String {
        format::when(ms, clock::now_ms(), ops.time_zone)
    }

    /// The time within which a share of the answers came, µs.
    pub(super) fn percentile(&self, percent: usize) -> Option<u64> {
        let asked = self.samples.iter().map(|sample| sample.asked_us);
        let mut asked: Vec<u32> = asked.filter(|us| *us > 0).collect();
        asked.sort_unstable();
        let at = (asked.len() * percent).div_ceil(100).saturating_sub(1);
        asked.get(at).map(|us| u64::from(*us))
    }

    /// The same in words.
    pub(super) fn within(&self, percent: usize) -> String {
        let time = self.percentile(percent);
        time.map_or_else(|| "–".into(), format::took)
    }

    /// How many failed so within the last hour, as far as is remembered.
    pub(super) fn last_hour(&self, reason: Reason) -> usize {
        let hour = Duration::from_secs(3_600);
        let such = self
            .samples
            .iter()
            .filter(|sample| sample.failed == Some(reason));
        such.filter(|sample| sample.at.elapsed() < hour).count()
    }

    /// Runs a minute: of the last minute, or of as much of it as is remembered.
    pub(super) fn rate(&self) -> String {
        let minute = Duration::from_secs(60);
        let recent = self
            .samples
            .iter()
            .filter(|sample| sample.at.elapsed() < minute);
        let count = recent.count();
        let full = count > 0 && count == self.samples.len() && count >= KEPT;
        let span = self.samples.first().map(|first| Instant::now() - first.at);
        match span.filter(|_| full) {
            #[allow(clippy::cast_precision_loss)] // a few hundred
            Some(span) => format!(
                "{:.0} a second",
                count as f64 / span.as_secs_f64().max(0.001)
            ),
            None => format!("{count} in the last minute"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(failed: &[bool]) -> Health {
        let sample = |failed: &bool| Sample {
            at: Instant::now(),
            asked_us: 1,
            failed: failed.then_some(Reason::Timeout),
        };
        Health {
            name: "lookup".into(),
            samples: failed.iter().map(sample).collect(),
            rest: None,
        }
    }

    #[test]
    fn a_webhook_is_ill_when_it_keeps_failing_and_not_for_one_failure_among_many() {
        for (failed, ill) in [
            (&[][..], false),
            (&[true][..], true),
            (&[true, false], false),
            (&[false, false, true], false),
            (&[false, true, true], true),
            (&[false, false, false, false, true, true, true], true),
            (&[true, true, true, false], false),
        ] {
            assert_eq!(health(failed).is_ill(), ill, "{failed:?}");
        }
        assert_eq!(health(&[true, false, true]).last_hour(Reason::Timeout), 2);
        assert_eq!(health(&[true]).last_hour(Reason::HttpStatus), 0);
    }
}
