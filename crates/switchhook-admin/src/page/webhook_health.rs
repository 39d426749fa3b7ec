//! The health of a webhook, from its last lookups and its circuits.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};
use tokio::time::Instant;

use crate::format;
use crate::live_calls::{LookupSample, SAMPLES};
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_core::outcome::Reason;
use switchhook_webhook::breakers::{CircuitStatus, NextProbe};

/// Failures in a row after which a webhook counts as failing, whatever was before.
const IN_A_ROW: usize = 3;

/// The last lookups of a webhook, and its circuits.
pub(crate) struct WebhookHealth {
    /// The webhook's name.
    pub name: String,
    /// The last lookups, the oldest first.
    pub samples: Vec<LookupSample>,
    /// The circuits of its URL and of its `fallback_urls`; `None` for one that is closed. Empty
    /// without a breaker.
    pub circuits: Vec<Option<CircuitStatus>>,
}

impl WebhookHealth {
    /// Returns the health of every webhook with a metric: failing ones first, then those with
    /// lookups.
    pub(super) fn all(state: &AdminState, reader: &MetricsReader<'_>) -> Vec<Self> {
        let mut samples = state.live_calls.samples();
        let names = reader.labels(metric_names::LOOKUPS, "webhook");
        let all = names
            .into_iter()
            .map(|name| Self::take(state, name, &mut samples));
        let mut all: Vec<Self> = all.collect();
        all.sort_by_key(|webhook| (!webhook.has_trouble(), webhook.samples.is_empty()));
        all
    }

    /// Returns the health of one webhook.
    pub(super) fn of(state: &AdminState, name: &str) -> Self {
        Self::take(state, name.to_owned(), &mut state.live_calls.samples())
    }

    fn take(
        state: &AdminState,
        name: String,
        samples: &mut BTreeMap<String, Vec<LookupSample>>,
    ) -> Self {
        Self {
            circuits: state.breakers.circuits(&name),
            samples: samples.remove(&name).unwrap_or_default(),
            name,
        }
    }

    /// Returns the number of lookups that took line 0.
    pub(super) fn succeeded(&self) -> usize {
        self.samples
            .iter()
            .filter(|sample| sample.succeeded())
            .count()
    }

    fn failed(&self) -> usize {
        self.samples.len() - self.succeeded()
    }

    /// Returns the number of failures since the last success.
    fn failures_in_a_row(&self) -> usize {
        let last = self.samples.iter().rev();
        last.take_while(|sample| !sample.succeeded()).count()
    }

    /// Whether it fails now, and not for one lookup among many.
    pub(super) fn is_failing(&self) -> bool {
        let row = self.failures_in_a_row();
        self.refuses_calls()
            || row >= IN_A_ROW
            || (row > 0 && self.failed() * 2 > self.samples.len())
    }

    /// Returns the number of its URLs whose circuit is open.
    pub(super) fn open_circuits(&self) -> usize {
        self.circuits.iter().flatten().count()
    }

    /// Whether the circuits of all its URLs are open.
    fn refuses_calls(&self) -> bool {
        !self.circuits.is_empty() && self.open_circuits() == self.circuits.len()
    }

    /// Whether it fails now, or one of its URLs does.
    pub(super) fn has_trouble(&self) -> bool {
        self.is_failing() || self.open_circuits() > 0
    }

    /// Makes the state of a circuit: since when it is open, and when it is tried.
    fn open_since(state: &AdminState, circuit: &CircuitStatus) -> Markup {
        html! {
            "circuit open since " (Self::at(state, circuit.since_ms)) ", "
            @match circuit.next_probe {
                NextProbe::At(ms) => { "next try at " (Self::at(state, ms)) }
                NextProbe::NextCall => { "next try with the next call" }
                NextProbe::InProgress => { "a call is trying it now" }
            }
        }
    }

    /// Makes a line for each of its URLs, if it has several with a circuit each.
    pub(super) fn circuit_list(&self, state: &AdminState, urls: &[&str]) -> Markup {
        html! {
            @if self.circuits.len() > 1 {
                ul.circuits aria-label="Circuits" {
                    @for (index, circuit) in self.circuits.iter().enumerate() {
                        li {
                            code { (urls.get(index).unwrap_or(&"a URL")) } " "
                            @match circuit {
                                Some(circuit) => {
                                    span.pill.bad { (Self::open_since(state, circuit)) }
                                    " " (circuit.last_error)
                                }
                                None => span.quiet { "circuit closed" },
                            }
                        }
                    }
                }
            }
        }
    }

    /// Makes its status in words: since when it fails, and how often.
    pub(super) fn status_pill(&self, state: &AdminState) -> Markup {
        let (failed, all) = (self.failed(), self.samples.len());
        html! {
            @if let [Some(circuit)] = &*self.circuits {
                span.pill.bad title={ "Calls take line 1 with CIRCUIT_OPEN until the webhook answers one of them. The last failure: " (circuit.last_error) } {
                    (Self::open_since(state, circuit))
                }
            } @else if self.refuses_calls() {
                span.pill.bad title="Calls take line 1 with CIRCUIT_OPEN until one of the URLs answers." {
                    "circuits of all " (self.circuits.len()) " URLs open"
                }
            } @else if self.open_circuits() > 0 {
                span.pill.odd title="Calls ask the other URLs." {
                    "circuits of " (self.open_circuits()) " of " (self.circuits.len()) " URLs open"
                }
            } @else if all == 0 {
            } @else if self.is_failing() {
                span.pill.bad {
                    "failing since " (self.clock(state, all - self.failures_in_a_row()))
                    ", last success " (self.last_success(state)) ", " (failed) " of " (all) " failed"
                }
            } @else if failed == 0 {
                span.pill.good { "healthy" }
            } @else {
                span.pill.odd { "degraded: " (failed) " of " (all) " failed" }
            }
        }
    }

    fn last_success(&self, state: &AdminState) -> String {
        match self.samples.iter().rposition(LookupSample::succeeded) {
            Some(index) => self.clock(state, index),
            // Older lookups are forgotten.
            None if self.samples.len() >= SAMPLES => format!("before {}", self.clock(state, 0)),
            None => "never".into(),
        }
    }

    /// Returns the time of a lookup.
    fn clock(&self, state: &AdminState, index: usize) -> String {
        let ago = self.samples.get(index).map(|sample| sample.at.elapsed());
        let ago = ago.map_or(0, |ago| i64::try_from(ago.as_millis()).unwrap_or(i64::MAX));
        Self::at(state, clock::now_ms().saturating_sub(ago))
    }

    fn at(state: &AdminState, ms: i64) -> String {
        format::time_or_date(ms, clock::now_ms(), state.time_zone)
    }

    /// Returns the time within which this share of the lookups ended, µs.
    pub(super) fn percentile(&self, percent: usize) -> Option<u64> {
        let asked = self.samples.iter().map(|sample| sample.asked_us);
        let mut asked: Vec<u32> = asked.filter(|us| *us > 0).collect();
        asked.sort_unstable();
        let at = (asked.len() * percent).div_ceil(100).saturating_sub(1);
        asked.get(at).map(|us| u64::from(*us))
    }

    /// Returns that time in words.
    pub(super) fn within(&self, percent: usize) -> String {
        let time = self.percentile(percent);
        time.map_or_else(|| "–".into(), format::duration)
    }

    /// Returns the number of failures with this reason within the last hour, of the lookups kept.
    pub(super) fn last_hour(&self, reason: Reason) -> usize {
        let hour = Duration::from_secs(3_600);
        let such = self
            .samples
            .iter()
            .filter(|sample| sample.failed == Some(reason));
        such.filter(|sample| sample.at.elapsed() < hour).count()
    }

    /// Returns the rate of the last minute, or of the part of it that is kept.
    pub(super) fn rate(&self) -> String {
        let minute = Duration::from_secs(60);
        let recent = self
            .samples
            .iter()
            .filter(|sample| sample.at.elapsed() < minute);
        let count = recent.count();
        let full = count > 0 && count == self.samples.len() && count >= SAMPLES;
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

    fn health(failed: &[bool]) -> WebhookHealth {
        let sample = |failed: &bool| LookupSample {
            at: Instant::now(),
            asked_us: 1,
            failed: failed.then_some(Reason::Timeout),
        };
        WebhookHealth {
            name: "lookup".into(),
            samples: failed.iter().map(sample).collect(),
            circuits: Vec::new(),
        }
    }

    #[test]
    fn a_webhook_is_failing_when_it_keeps_failing_and_not_for_one_failure_among_many() {
        for (failed, failing) in [
            (&[][..], false),
            (&[true][..], true),
            (&[true, false], false),
            (&[false, false, true], false),
            (&[false, true, true], true),
            (&[false, false, false, false, true, true, true], true),
            (&[true, true, true, false], false),
        ] {
            assert_eq!(health(failed).is_failing(), failing, "{failed:?}");
        }
        assert_eq!(health(&[true, false, true]).last_hour(Reason::Timeout), 2);
        assert_eq!(health(&[true]).last_hour(Reason::HttpStatus), 0);
    }
}
