//! RecordedEvent one call says, in memory until it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use switchhook_core::outcome::Outcome;
use switchhook_webhook::{Answered, Prepared};

use super::format::{Line, Payload, RecordedEvent};

/// Bytes of a call; what goes on after that is not recorded.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// RecordedEvent the switch says within this time is one piece.
const MERGE_WITHIN_US: u64 = 5_000;

/// The tape of one call; clones write on the same.
#[derive(Debug, Clone)]
pub struct CallRecording {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    buffer: Mutex<Buffer>,
}

#[derive(Debug, Default)]
struct Buffer {
    lines: Vec<Line>,
    bytes: usize,
    cut: bool,
}

impl CallRecording {
    pub(super) fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                began: Instant::now(),
                buffer: Mutex::default(),
            }),
        }
    }

    /// Bytes from the switch.
    pub fn received(&self, bytes: &[u8]) {
        self.add(bytes.len(), |last| match last {
            Some(RecordedEvent::Switch(all)) => all.add(bytes),
            _ => Some(RecordedEvent::Switch(Payload::new(bytes))),
        });
    }

    /// An event about a call that shares its connection, as JSON.
    pub fn event(&self, json: &str) {
        self.add(json.len(), |_| {
            Some(RecordedEvent::Event(Payload::new(json.as_bytes())))
        });
    }

    /// Bytes to the switch.
    pub fn sent(&self, bytes: &[u8]) {
        self.add(bytes.len(), |last| match last {
            Some(RecordedEvent::Us(all)) => all.add(bytes),
            _ => Some(RecordedEvent::Us(Payload::new(bytes))),
        });
    }

    /// The switch ended the connection.
    pub fn closed(&self) {
        self.add(0, |_| Some(RecordedEvent::Closed));
    }

    /// The time for the music came before the answer.
    pub fn waited(&self) {
        self.add(0, |_| Some(RecordedEvent::Waited));
    }

    /// The service stops, and waits for the webhook no longer.
    pub fn stopping(&self) {
        self.add(0, |_| Some(RecordedEvent::Stopping));
    }

    /// RecordedEvent the webhook is asked. Credentials that are added to it later are no part of it.
    pub fn request(&self, request: &Prepared) {
        let what = RecordedEvent::request(request);
        self.add(request.body.len() + 1_024, |_| Some(what));
    }

    /// RecordedEvent Rust code is asked, a JSON object.
    pub(crate) fn question(&self, json: &str) {
        self.add(json.len(), |_| {
            Some(RecordedEvent::Question(Payload::new(json.as_bytes())))
        });
    }

    /// RecordedEvent came of it.
    pub fn outcome(&self, outcome: &Outcome, answered: &Answered) {
        let what = RecordedEvent::outcome(outcome, answered);
        self.add(outcome.raw.len() + 256, |_| Some(what));
    }

    /// Everything, with its end.
    pub(super) fn finish(&self, end: RecordedEvent) -> Vec<Line> {
        let mut buffer = self.buffer();
        let cut = buffer.cut;
        let mut lines = std::mem::take(&mut buffer.lines);
        let us = self.us();
        if cut {
            lines.push(Line {
                us,
                what: RecordedEvent::Cut,
            });
        }
        lines.push(Line { us, what: end });
        lines
    }

    /// Adds `bytes` to what is buffer: `what` changes the last line, or makes a new one.
    fn add(
        &self,
        bytes: usize,
        what: impl FnOnce(Option<&mut RecordedEvent>) -> Option<RecordedEvent>,
    ) {
        let us = self.us();
        let mut buffer = self.buffer();
        if buffer.cut || buffer.bytes + bytes > MAX_BYTES {
            buffer.cut = true;
            return;
        }
        buffer.bytes += bytes;
        let last = buffer.lines.last_mut();
        let last = last.filter(|last| us.saturating_sub(last.us) < MERGE_WITHIN_US);
        if let Some(what) = what(last.map(|last| &mut last.what)) {
            buffer.lines.push(Line { us, what });
        }
    }

    fn us(&self) -> u64 {
        u64::try_from(self.inner.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.inner
            .buffer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
