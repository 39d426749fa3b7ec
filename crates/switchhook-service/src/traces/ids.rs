//! Ids of traces and spans, and the header that passes them to a webhook (W3C Trace Context).

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// <https://www.w3.org/TR/trace-context/#traceparent-header>
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A span's id. Never zero, because zero means none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// Returns a random id.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::u64(1..).to_be_bytes())
    }

    /// Returns the id derived from `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let [id, ..] = words(Sha256::digest(text));
        Self(id.max(1).to_be_bytes())
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// Formats the id as W3C Trace Context does.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The trace of one call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    id: [u8; 16],
    root: SpanId,
    sampled: bool,
}

impl Trace {
    /// Returns the trace of a call. Its id is the call's Unique-ID, or a hash of it if that is no
    /// UUID. A hash decides whether the trace is within `share` (millionths), because not all bits
    /// of a UUID are random.
    pub(super) fn of(call_uuid: &str, share: u32) -> Self {
        let id = match Uuid::try_parse(call_uuid) {
            Ok(uuid) if !uuid.is_nil() => uuid.into_bytes(),
            Ok(_) | Err(_) => {
                let [high, low, ..] = words(Sha256::digest(call_uuid));
                let id = (u128::from(high) << 64) | u128::from(low);
                id.max(1).to_be_bytes()
            }
        };
        let [root, sample, ..] = words(Sha256::new_with_prefix("call").chain_update(id).finalize());
        Self {
            id,
            root: SpanId(root.max(1).to_be_bytes()),
            sampled: sample % u64::from(super::ALL_CALLS) < u64::from(share),
        }
    }

    /// Returns the span of the call itself.
    #[must_use]
    pub const fn root(self) -> SpanId {
        self.root
    }

    /// Whether the trace's spans are sent.
    #[must_use]
    pub(crate) const fn is_sampled(self) -> bool {
        self.sampled
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.id.to_vec()
    }

    /// Adds `traceparent` with the parent `span` to a request. A `traceparent` from the webhook's
    /// own settings stays.
    pub fn write_header(self, span: SpanId, headers: &mut HeaderMap) {
        let flags = u8::from(self.sampled);
        let value = HeaderValue::try_from(format!("00-{self}-{span}-{flags:02x}"));
        if let Ok(value) = value {
            headers.entry(TRACEPARENT).or_insert(value);
        }
    }
}

/// Formats the id as W3C Trace Context does.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.id)
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Returns a digest of 32 bytes as numbers.
fn words(digest: impl AsRef<[u8]>) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.as_ref().chunks_exact(8)) {
        *word = bytes
            .iter()
            .fold(0, |all, byte| (all << 8) | u64::from(*byte));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "9d34878d-01a0-45ba-b5d6-6b097ae17611";

    #[test]
    fn a_calls_uuid_is_its_trace_and_what_is_none_has_one_of_its_own() {
        let trace = Trace::of(UUID, super::super::ALL_CALLS);
        assert_eq!(trace.to_string(), UUID.replace('-', ""));
        assert_eq!(trace, Trace::of(UUID, super::super::ALL_CALLS));
        let other = Trace::of("call-1", super::super::ALL_CALLS);
        assert_eq!(other, Trace::of("call-1", super::super::ALL_CALLS));
        assert_ne!(other, Trace::of("call-2", super::super::ALL_CALLS));
        let nil = Trace::of("00000000-0000-0000-0000-000000000000", 0);
        assert_ne!(nil.id, [0; 16], "which is no trace");
    }

    #[test]
    fn the_share_of_real_uuids_is_what_was_asked_for() {
        let sampled = |share| {
            let traces = (0..20_000).map(|_| Trace::of(&Uuid::new_v4().to_string(), share));
            traces.filter(|trace| trace.is_sampled()).count()
        };
        assert_eq!((sampled(0), sampled(super::super::ALL_CALLS)), (0, 20_000));
        // The expected count of 100,000 millionths is 2,000; ten standard deviations are 425.
        assert!((1_575..2_425).contains(&sampled(100_000)));
    }

    #[test]
    fn traceparent_is_as_w3c_writes_it_and_ones_own_stays() {
        let mut headers = HeaderMap::new();
        Trace::of(UUID, super::super::ALL_CALLS)
            .write_header(SpanId([0, 1, 2, 3, 4, 5, 6, 255]), &mut headers);
        let whole = "00-9d34878d01a045bab5d66b097ae17611-00010203040506ff-01";
        assert_eq!(headers[TRACEPARENT], whole);
        Trace::of(UUID, 0).write_header(SpanId::random(), &mut headers);
        assert_eq!(headers[TRACEPARENT], whole);
        headers.clear();
        Trace::of(UUID, 0).write_header(SpanId([1; 8]), &mut headers);
        assert!(
            headers[TRACEPARENT]
                .as_bytes()
                .ends_with(b"-0101010101010101-00")
        );
    }
}
