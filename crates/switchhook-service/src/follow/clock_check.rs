//! Compares the clock of a switch with ours, as often as is needed to see it drift.

use std::time::Duration;

use eslclient::{Reply, Ticket};
use switchhook_core::clock::{ahead, now_us};
use tokio::time::Instant;

/// The time between two questions.
const EVERY: Duration = Duration::from_secs(60);
/// Answers with microseconds since 1970 (FreeSWITCH: mod_commands.c `strmicroepoch_api_function`).
pub(super) const QUESTION: &str = "strmicroepoch";

/// The question about the clock on one connection.
#[derive(Default)]
pub(super) struct ClockCheck {
    /// The open question, and our clock before it, µs since 1970.
    open: Option<(Ticket, i64)>,
    last: Option<Instant>,
}

impl ClockCheck {
    /// Returns whether it is time to ask.
    pub(super) fn is_due(&self) -> bool {
        self.open.is_none() && self.last.is_none_or(|last| last.elapsed() >= EVERY)
    }

    /// Notes that the switch was asked.
    pub(super) fn asked(&mut self, ticket: Ticket) {
        self.open = Some((ticket, now_us()));
        self.last = Some(Instant::now());
    }

    /// Returns whether a reply is the one to the question.
    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.open.is_some_and(|(open, _)| open == ticket)
    }

    /// Returns how far the switch's clock is ahead of ours, µs; `None` if it does not say its time.
    pub(super) fn replied(&mut self, reply: &Reply) -> Option<i64> {
        let (_, asked) = self.open.take()?;
        let theirs = reply.text().trim().parse().ok()?;
        Some(ahead(theirs, asked, now_us()))
    }
}
