//! The result of one call on hold.

use std::time::Duration;

use crate::recorder::RecordedEvent;
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::variables::Line;

use super::channel::Channel;
use super::spans::CallSpans;

/// How a call left the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Released to a line.
    Released(Line),
    /// The caller hung up.
    HungUp,
    /// Somebody else fetched the caller: transferred, bridged, intercepted or parked the call.
    Fetched,
    /// The connection broke.
    Lost,
    /// The schedule of the hook took the call to line 1 first.
    Rescued,
}

impl Ending {
    /// Returns the word used in the log and the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Released(Line::Zero) => "line_0",
            Self::Released(Line::One) => "line_1",
            Self::HungUp => "hung_up",
            Self::Fetched => "fetched",
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
    /// Whether the configuration has the webhook that the call names.
    pub known: bool,
    /// How the call left the hold.
    pub ending: Ending,
    /// Who fetched the call, as far as the switch says.
    pub taken_by: Option<Box<str>>,
    /// The webhook's outcome; `None` if the call ended before there was one, or if the request
    /// was sent in the background.
    pub outcome: Option<Outcome>,
    /// The request line sent to the webhook, without secrets.
    pub request_line: Option<Box<str>>,
    /// The time from the connection to the last command, or to the hang-up.
    pub hold_time: Duration,
    /// What its spans need, if there is a trace collector.
    pub(super) spans: Option<Box<CallSpans>>,
    /// Whether the connection has not confirmed that it has this call. Nothing of it is kept.
    pub(super) is_unconfirmed: bool,
}

impl CallReport {
    /// Returns the last line of the call's recording.
    #[must_use]
    pub fn end(&self) -> RecordedEvent {
        let failure = self
            .outcome
            .as_ref()
            .map(|outcome| outcome.verdict.as_ref().err());
        let detail = failure.flatten().map(|failure| failure.detail.clone());
        RecordedEvent::End {
            ending: self.ending.as_str().to_owned(),
            reason: failure.map(|_| self.reason().to_owned()),
            detail,
        }
    }

    /// Returns the part of the hold time that was not spent on the webhook.
    pub(super) fn overhead(&self) -> Duration {
        let webhook = self
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.duration)
            .unwrap_or_default();
        self.hold_time.saturating_sub(webhook)
    }

    /// Returns the `error_reason`, `SUCCESS`, or `NONE` without an outcome.
    pub(super) fn reason(&self) -> &'static str {
        match self.outcome.as_ref().map(|outcome| &outcome.verdict) {
            Some(Ok(_)) => Reason::SUCCESS,
            Some(Err(failure)) => failure.reason.as_str(),
            None => "NONE",
        }
    }
}
