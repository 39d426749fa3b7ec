//! The recording of one call, in memory until the call is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use switchhook_core::outcome::Outcome;
use switchhook_webhook::{Prepared, ResponseMeta};

use super::format::{Line, Payload, RecordedEvent};

/// Most bytes of a recording; what happens after that is not recorded.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one direction within this time become one line.
const MERGE_WITHIN_US: u64 = 5_000;

/// The recording of one call. Clones write to the same recording.
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

    /// Records bytes from the switch.
    pub fn received(&self, bytes: &[u8]) {
        self.add(bytes.len(), |last| match last {
            Some(RecordedEvent::Switch(all)) => all.add(bytes),
            _ => Some(RecordedEvent::Switch(Payload::new(bytes))),
        });
    }

    /// Records an event, as JSON, about a call that shares its connection.
    pub fn event(&self, json: &str) {
        self.add(json.len(), |_| {
            Some(RecordedEvent::Event(Payload::new(json.as_bytes())))
        });
    }

    /// Records bytes to the switch.
    pub fn sent(&self, bytes: &[u8]) {
        self.add(bytes.len(), |last| match last {
            Some(RecordedEvent::Us(all)) => all.add(bytes),
            _ => Some(RecordedEvent::Us(Payload::new(bytes))),
        });
    }

    /// Records that the switch closed the connection.
    pub fn closed(&self) {
        self.add(0, |_| Some(RecordedEvent::Closed));
    }

    /// Records that the time to watch the call came before the response.
    pub fn watched(&self) {
        self.add(0, |_| Some(RecordedEvent::Watched));
    }

    /// Records that the time for the music came before the response.
    pub fn waited(&self) {
        self.add(0, |_| Some(RecordedEvent::Waited));
    }

    /// Records that the service stops and no longer waits for the webhook.
    pub fn stopping(&self) {
        self.add(0, |_| Some(RecordedEvent::Stopping));
    }

    /// Records the request to the webhook. Credentials are added later and are not part of it.
    pub fn request(&self, request: &Prepared) {
        let what = RecordedEvent::request(request);
        self.add(request.body.len() + 1_024, |_| Some(what));
    }

    /// Records the question to Rust code, a JSON object.
    pub(crate) fn question(&self, json: &str) {
        self.add(json.len(), |_| {
            Some(RecordedEvent::Question(Payload::new(json.as_bytes())))
        });
    }

    /// Records the outcome.
    pub fn outcome(&self, outcome: &Outcome, answered: &ResponseMeta) {
        let what = RecordedEvent::outcome(outcome, answered);
        self.add(outcome.raw.len() + 256, |_| Some(what));
    }

    /// Returns all lines, ending with `end`.
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

    /// Counts `bytes` more. `what` changes the last line, or returns a new one.
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
