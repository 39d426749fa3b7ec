//! What one call says, in memory until it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use switchhook_core::outcome::Outcome;
use switchhook_webhook::{Answered, Prepared};

use super::file::{Line, Payload, What};

/// Bytes of a call; what goes on after that is not recorded.
const LIMIT: usize = 8 * 1024 * 1024;
/// What the switch says within this time is one piece.
const PIECE_US: u64 = 5_000;

/// The tape of one call; clones write on the same.
#[derive(Debug, Clone)]
pub struct CallRecording {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<Line>,
    bytes: usize,
    cut: bool,
}

impl CallRecording {
    pub(super) fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                began: Instant::now(),
                kept: Mutex::default(),
            }),
        }
    }

    /// Bytes from the switch.
    pub fn heard(&self, bytes: &[u8]) {
        self.add(bytes.len(), |last| match last {
            Some(What::Switch(all)) => all.add(bytes),
            _ => Some(What::Switch(Payload::new(bytes))),
        });
    }

    /// An event about a call that shares its connection, as JSON.
    pub fn event(&self, json: &str) {
        self.add(json.len(), |_| {
            Some(What::Event(Payload::new(json.as_bytes())))
        });
    }

    /// Bytes to the switch.
    pub fn said(&self, bytes: &[u8]) {
        self.add(bytes.len(), |last| match last {
            Some(What::Us(all)) => all.add(bytes),
            _ => Some(What::Us(Payload::new(bytes))),
        });
    }

    /// The switch ended the connection.
    pub fn closed(&self) {
        self.add(0, |_| Some(What::Closed));
    }

    /// The time for the music came before the answer.
    pub fn waited(&self) {
        self.add(0, |_| Some(What::Waited));
    }

    /// The service stops, and waits for the webhook no longer.
    pub fn stopping(&self) {
        self.add(0, |_| Some(What::Stopping));
    }

    /// What the webhook is asked. Credentials that are added to it later are no part of it.
    pub fn asked(&self, request: &Prepared) {
        let what = What::request(request);
        self.add(request.body.len() + 1_024, |_| Some(what));
    }

    /// What Rust code is asked, a JSON object.
    pub(crate) fn questioned(&self, json: &str) {
        self.add(json.len(), |_| {
            Some(What::Question(Payload::new(json.as_bytes())))
        });
    }

    /// What came of it.
    pub fn answered(&self, outcome: &Outcome, answered: &Answered) {
        let what = What::outcome(outcome, answered);
        self.add(outcome.raw.len() + 256, |_| Some(what));
    }

    /// Everything, with its end.
    pub(super) fn take(&self, end: What) -> Vec<Line> {
        let mut kept = self.kept();
        let cut = kept.cut;
        let mut lines = std::mem::take(&mut kept.lines);
        let us = self.us();
        if cut {
            lines.push(Line {
                us,
                what: What::Cut,
            });
        }
        lines.push(Line { us, what: end });
        lines
    }

    /// Adds `bytes` to what is kept: `what` changes the last line, or makes a new one.
    fn add(&self, bytes: usize, what: impl FnOnce(Option<&mut What>) -> Option<What>) {
        let us = self.us();
        let mut kept = self.kept();
        if kept.cut || kept.bytes + bytes > LIMIT {
            kept.cut = true;
            return;
        }
        kept.bytes += bytes;
        let last = kept.lines.last_mut();
        let last = last.filter(|last| us.saturating_sub(last.us) < PIECE_US);
        if let Some(what) = what(last.map(|last| &mut last.what)) {
            kept.lines.push(Line { us, what });
        }
    }

    fn us(&self) -> u64 {
        u64::try_from(self.inner.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
