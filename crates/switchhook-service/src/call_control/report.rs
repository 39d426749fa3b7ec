//! What became of one call: one line in the log, and what the metrics count.

use std::time::Duration;

use metrics::{counter, histogram};
use tracing::{info, warn};

use crate::limits;
use crate::recorder::What;
use switchhook_admin::live_calls;
use switchhook_core::call_history::{LookupRecord, LookupSummary};
use switchhook_core::clock;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::mask::Mask;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::variables::Line;

use super::CallControlOptions;
use super::channel::Channel;
use super::opening::NoCall;
use super::spans::Noted;

/// How a call left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// On its way down a line.
    Released(Line),
    /// The caller hung up on hold.
    HungUp,
    /// The connection went without a word.
    Lost,
    /// The hook's schedule took the call on before we could.
    Rescued,
}

impl Ending {
    /// The word in the log and the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Released(Line::Zero) => "line_0",
            Self::Released(Line::One) => "line_1",
            Self::HungUp => "hung_up",
            Self::Lost => "lost",
            Self::Rescued => "rescued",
        }
    }
}

/// One call, from the connection to its end.
#[derive(Debug)]
pub struct CallReport {
    /// The channel.
    pub channel: Channel,
    /// The webhook is one of the configuration's.
    pub known: bool,
    /// How it left.
    pub ending: Ending,
    /// The webhook's outcome; `None` when the call ended before there was one, or
    /// when nobody waited for it.
    pub outcome: Option<Outcome>,
    /// What its webhook was asked, as a person may see it.
    pub sent: Option<Box<str>>,
    /// From the connection to the last command, or to the hang-up.
    pub held: Duration,
    /// For its spans.
    pub(super) noted: Option<Box<Noted>>,
}

impl CallReport {
    /// Logs and counts the call and notes it on the board, once.
    pub fn publish(mut self, options: &CallControlOptions) {
        counter!(metric_names::CALLS, "ending" => self.ending.as_str()).increment(1);
        if let Some(outcome) = &self.outcome {
            self.count(outcome);
        }
        self.log(options.mask);
        if let Some(noted) = self.noted.take() {
            noted.tell(&self);
        }
        let known = self.known;
        options.live_calls.ran(self.into_run(), known);
    }

    /// The end of its recording.
    #[must_use]
    pub fn end(&self) -> What {
        let failure = self
            .outcome
            .as_ref()
            .map(|outcome| outcome.verdict.as_ref().err());
        let detail = failure.flatten().map(|failure| failure.detail.clone());
        What::End {
            ending: self.ending.as_str().to_owned(),
            reason: failure.map(|_| self.reason().to_owned()),
            detail,
        }
    }

    fn into_run(self) -> LookupRecord {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let held_ms = i64::try_from(self.held.as_millis()).unwrap_or(i64::MAX);
        LookupRecord {
            uuid: live_calls::cut(self.channel.uuid),
            webhook: live_calls::cut(self.channel.widget),
            caller: live_calls::cut(self.channel.caller),
            called: live_calls::cut(self.channel.destination),
            account: self.channel.account.map(live_calls::cut),
            flow: self.channel.flow.map(live_calls::cut),
            began_ms: clock::now_ms().saturating_sub(held_ms),
            held_us: micros(self.held),
            ending: self.ending.as_str().into(),
            outcome: self.outcome.as_ref().map(|outcome| LookupSummary {
                request: self.sent.map(String::from),
                ..LookupSummary::of(outcome)
            }),
        }
    }

    fn count(&self, outcome: &Outcome) {
        // The name comes from the peer: only those that we know may become a series.
        let known = self.known.then(|| self.channel.widget.clone());
        let webhook = known.unwrap_or_else(|| metric_names::UNKNOWN.to_owned());
        if let Some(duration) = outcome.duration {
            histogram!(metric_names::WEBHOOK_SECONDS, "webhook" => webhook.clone(), "reason" => self.reason())
                .record(duration);
        }
        counter!(metric_names::LOOKUPS, "webhook" => webhook, "reason" => self.reason())
            .increment(1);
        histogram!(metric_names::OVERHEAD_SECONDS).record(self.own());
    }

    /// Time of the call that was not the webhook's.
    fn own(&self) -> Duration {
        let asked = self
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.duration)
            .unwrap_or_default();
        self.held.saturating_sub(asked)
    }

    fn reason(&self) -> &'static str {
        match self.outcome.as_ref().map(|outcome| &outcome.verdict) {
            Some(Ok(_)) => Reason::SUCCESS,
            Some(Err(failure)) => failure.reason.as_str(),
            None => "NONE",
        }
    }

    fn log(&self, mask: Mask) {
        let Channel {
            uuid,
            widget,
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
        info!(
            call_uuid = %uuid,
            webhook = %widget,
            account,
            caller = mask.number(caller),
            destination = mask.number(destination),
            ending = self.ending.as_str(),
            reason = self.reason(),
            detail,
            status = outcome.and_then(|outcome| outcome.status),
            held_ms = millis(self.held),
            webhook_ms = outcome.and_then(|outcome| outcome.duration).map(millis),
            headers_ms = phases.headers.map(millis),
            body_ms = phases.body.map(millis),
            own_ms = millis(self.own()),
            "call"
        );
    }
}

/// No place for the next connection.
pub(crate) fn full() {
    limits::record_hit("connections");
    FEW.say(|left_out| {
        warn!(
            left_out,
            "every connection is taken; the next waits ([limits] connections)"
        );
    });
}

/// Whoever may connect may make us write a line, but not fill a disk.
static FEW: LogThrottle = LogThrottle::new(20);

/// A connection that never became a call.
pub(crate) fn no_call(peer: std::net::SocketAddr, error: &NoCall) {
    counter!(metric_names::CALLS, "ending" => "protocol_error").increment(1);
    counter!(metric_names::PROTOCOL_ERRORS).increment(1);
    if let Some(setting) = error.limit() {
        limits::record_hit(setting);
    }
    FEW.say(|left_out| {
        warn!(%peer, %error, left_out, "a connection on the Event Socket port was not a call");
    });
}

/// A connection from an address that is not allowed.
pub(crate) fn stranger(peer: std::net::SocketAddr) {
    counter!(metric_names::REJECTED_CONNECTIONS).increment(1);
    FEW.say(|left_out| {
        warn!(%peer, left_out, "closed a connection from an address that listen.allow does not list");
    });
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
