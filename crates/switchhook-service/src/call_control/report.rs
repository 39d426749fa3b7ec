//! Publishes a call that has left the hold: one log line, the metrics, its spans, and its entry
//! in the list of recent calls.

use std::time::Duration;

use metrics::{counter, histogram};
use tracing::info;

use switchhook_admin::live_calls;
use switchhook_core::call_history::{LookupRecord, LookupSummary};
use switchhook_core::clock;
use switchhook_core::mask::Mask;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::variables::Line;
use switchhook_store::stats::{StatCounter, StatLabels};

use super::CallControlOptions;
use super::call_report::{CallReport, Ending};
use super::channel::Channel;
use super::confirm;
use super::span_export;

impl CallReport {
    /// Logs, counts and lists the call, once. A connection that has not confirmed its call is none.
    pub fn publish(mut self, options: &CallControlOptions) {
        if self.is_unconfirmed {
            if self.outcome.is_none() {
                confirm::left_unconfirmed(&self.channel.uuid);
            }
            return;
        }
        counter!(metric_names::CALLS, "ending" => self.ending.as_str()).increment(1);
        if let Some(outcome) = &self.outcome {
            self.count(outcome);
        }
        self.log(options.mask);
        if let Some(spans) = self.spans.take() {
            span_export::send(*spans, &self);
        }
        self.count_over_time(&options.counter);
        let known = self.known;
        options.live_calls.record_lookup(self.into_record(), known);
    }

    fn into_record(self) -> LookupRecord {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let hold_ms = i64::try_from(self.hold_time.as_millis()).unwrap_or(i64::MAX);
        LookupRecord {
            uuid: live_calls::truncate(self.channel.uuid),
            webhook: live_calls::truncate(self.channel.webhook),
            caller: live_calls::truncate(self.channel.caller),
            called: live_calls::truncate(self.channel.destination),
            account: self.channel.account.map(live_calls::truncate),
            flow: self.channel.flow.map(live_calls::truncate),
            began_ms: clock::now_ms().saturating_sub(hold_ms),
            held_us: micros(self.hold_time),
            ending: self.ending.as_str().into(),
            taken_by: self.taken_by.map(|by| live_calls::truncate(by.into())),
            outcome: self.outcome.as_ref().map(|outcome| LookupSummary {
                request: self.request_line.map(String::from),
                ..LookupSummary::of(outcome)
            }),
        }
    }

    fn count(&self, outcome: &Outcome) {
        // The peer chooses the name: only known names may become a time series.
        let known = self.known.then(|| self.channel.webhook.clone());
        let webhook = known.unwrap_or_else(|| metric_names::UNKNOWN.to_owned());
        if let Some(duration) = outcome.duration {
            histogram!(metric_names::WEBHOOK_SECONDS, "webhook" => webhook.clone(), "reason" => self.reason())
                .record(duration);
        }
        counter!(metric_names::ACCOUNT_LOOKUPS, "account" => self.account(), "result" => self.result())
            .increment(1);
        counter!(metric_names::LOOKUPS, "webhook" => webhook, "reason" => self.reason())
            .increment(1);
        histogram!(metric_names::OVERHEAD_SECONDS).record(self.overhead());
    }

    /// Returns the label of its account. The peer may choose the name: only known ones may become a
    /// time series.
    fn account(&self) -> String {
        match &self.channel.account {
            None => metric_names::NO_ACCOUNT.to_owned(),
            Some(name) if self.channel.account_known => name.clone(),
            Some(_) => metric_names::UNKNOWN.to_owned(),
        }
    }

    fn result(&self) -> &'static str {
        let [success, failure] = metric_names::RESULTS;
        if self.reason() == Reason::SUCCESS {
            success
        } else {
            failure
        }
    }

    /// Adds the call to the counts that the page shows over time.
    fn count_over_time(&self, counter: &StatCounter) {
        let Channel {
            webhook,
            flow,
            account,
            switch,
            ..
        } = &self.channel;
        let asked = self.outcome.as_ref().and_then(|outcome| outcome.duration);
        let line_1 = self.ending == Ending::Released(Line::One);
        let outcome = if line_1 {
            self.reason()
        } else {
            self.ending.as_str()
        };
        switch.read(|switch| {
            let labels = StatLabels {
                webhook: if self.known {
                    webhook
                } else {
                    metric_names::UNKNOWN
                },
                flow: flow.as_deref().unwrap_or_default(),
                account: Some(account.as_deref().unwrap_or_default()),
                switch,
            };
            counter.call(labels, outcome, asked, self.hold_time);
        });
    }

    fn log(&self, mask: Mask) {
        let Channel {
            uuid,
            webhook,
            caller,
            destination,
            account,
            ..
        } = &self.channel;
        let outcome = self.outcome.as_ref();
        let detail = outcome
            .and_then(|outcome| outcome.verdict.as_ref().err())
            .map(|failure| mask.text(&failure.detail));
        let phases = outcome.map(|outcome| outcome.phases).unwrap_or_default();
        let tries = outcome.and_then(|outcome| tries(outcome, mask));
        info!(
            call_uuid = %uuid,
            webhook = %webhook,
            account,
            caller = mask.number(caller),
            destination = mask.number(destination),
            ending = self.ending.as_str(),
            taken_by = self.taken_by.as_deref().map(|by| mask.text(by)),
            reason = self.reason(),
            detail,
            status = outcome.and_then(|outcome| outcome.status),
            held_ms = millis(self.hold_time),
            webhook_ms = outcome.and_then(|outcome| outcome.duration).map(millis),
            headers_ms = phases.headers.map(millis),
            body_ms = phases.body.map(millis),
            tries = tries.as_deref(),
            own_ms = millis(self.overhead()),
            "call"
        );
    }
}

/// Returns every try with its URL, outcome and duration, if the webhook may be tried more than
/// once.
fn tries(outcome: &Outcome, mask: Mask) -> Option<String> {
    let tries = outcome.tries.iter().map(|one| mask.text(&one.to_string()));
    let tries: Vec<String> = tries.collect();
    (!tries.is_empty()).then(|| tries.join("; "))
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
