//! One span, as it is filled in.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as proto;
use tokio::time::Instant;
use url::Url;

use super::{SpanId, Trace};

/// Characters of a text in a span: some come from the peer.
const LONGEST: usize = 256;

/// What a span is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Something that the switch brought.
    Server,
    /// A part of it.
    Internal,
    /// A request to somebody else.
    Client,
}

/// What the monotonic clock's times are in the world's.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: Instant,
    unix: SystemTime,
}

impl Clock {
    /// As it stands now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            now: Instant::now(),
            unix: SystemTime::now(),
        }
    }

    /// A time that has passed, ns since 1970.
    #[must_use]
    pub fn ns(self, at: Instant) -> u64 {
        let ago = self.now.saturating_duration_since(at);
        let at = self.unix.checked_sub(ago).unwrap_or(UNIX_EPOCH);
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A span. Nothing secret belongs into it, and numbers only as they may be shown.
#[derive(Debug, Clone)]
pub struct Span {
    trace: Trace,
    id: SpanId,
    span: proto::Span,
}

impl Span {
    /// A span with no parent, no times and nothing to tell.
    #[must_use]
    pub fn new(trace: Trace, id: SpanId, kind: SpanKind, name: &str) -> Self {
        let kind = match kind {
            SpanKind::Server => proto::span::SpanKind::Server,
            SpanKind::Internal => proto::span::SpanKind::Internal,
            SpanKind::Client => proto::span::SpanKind::Client,
        };
        let span = proto::Span {
            trace_id: trace.bytes(),
            span_id: id.bytes(),
            name: cut(name),
            kind: kind.into(),
            flags: u32::from(trace.is_sampled()),
            ..proto::Span::default()
        };
        Self { trace, id, span }
    }

    /// A request: what of it is no secret by its nature. Neither path nor query is, for a
    /// token may stand in them.
    #[must_use]
    pub fn request(trace: Trace, id: SpanId, (method, url): (&Method, &Url)) -> Self {
        let port = url.port_or_known_default().map(i64::from);
        Self::new(trace, id, SpanKind::Client, method.as_str())
            .text("http.request.method", method.as_str())
            .text("url.scheme", url.scheme())
            .text("server.address", url.host_str().unwrap_or_default())
            .number("server.port", port)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SpanId {
        self.id
    }

    /// Its trace.
    #[must_use]
    pub const fn trace(&self) -> Trace {
        self.trace
    }

    /// Under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.span.name = cut(name);
        self
    }

    /// Below another one.
    #[must_use]
    pub fn below(mut self, parent: Option<SpanId>) -> Self {
        self.span.parent_span_id = parent.map(SpanId::bytes).unwrap_or_default();
        self
    }

    /// Its times, ns since 1970.
    #[must_use]
    pub fn between(mut self, began_ns: u64, ended_ns: u64) -> Self {
        self.span.start_time_unix_nano = began_ns;
        self.span.end_time_unix_nano = ended_ns.max(began_ns);
        self
    }

    /// Tells a text; none that is empty.
    #[must_use]
    pub fn text(self, key: &str, text: &str) -> Self {
        let text = (!text.is_empty()).then(|| any_value::Value::StringValue(cut(text)));
        self.attribute(key, text)
    }

    /// Tells a number, if there is one.
    #[must_use]
    pub fn number(self, key: &str, number: Option<i64>) -> Self {
        self.attribute(key, number.map(any_value::Value::IntValue))
    }

    /// Tells that something is so.
    #[must_use]
    pub fn flag(self, key: &str, so: bool) -> Self {
        self.attribute(key, Some(any_value::Value::BoolValue(so)))
    }

    fn attribute(mut self, key: &str, value: Option<any_value::Value>) -> Self {
        self.span.attributes.extend(value.map(|value| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }));
        self
    }

    /// It failed: the class of the failure (`error.type`), and a sentence.
    #[must_use]
    pub fn failed(mut self, class: &str, sentence: &str) -> Self {
        self.span.status = Some(proto::Status {
            code: proto::status::StatusCode::Error.into(),
            message: cut(sentence),
        });
        self.text("error.type", class)
    }

    /// Something that happened then, ns since 1970.
    #[must_use]
    pub fn event(mut self, name: &str, at_ns: u64) -> Self {
        self.span.events.push(proto::span::Event {
            time_unix_nano: at_ns,
            name: name.to_owned(),
            ..proto::span::Event::default()
        });
        self
    }

    /// Another trace that belongs to it.
    #[must_use]
    pub fn link(mut self, trace: Trace) -> Self {
        self.span.links.push(proto::span::Link {
            trace_id: trace.bytes(),
            span_id: trace.root().bytes(),
            ..proto::span::Link::default()
        });
        self
    }

    /// What is sent of it; nothing of a trace that is not among the share.
    pub(super) fn told(self) -> Option<proto::Span> {
        self.trace.is_sampled().then_some(self.span)
    }
}

fn cut(text: &str) -> String {
    let beyond = text.char_indices().nth(LONGEST);
    text[..beyond.map_or(text.len(), |(at, _)| at)].to_owned()
}
