//! One span and its attributes.

use std::time::Duration;

use http::Method;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as proto;
use tokio::time::Instant;
use url::Url;

use super::{SpanId, Trace};
use switchhook_core::clock;

/// Most characters of a text in a span: some texts come from the peer.
const MAX_TEXT_CHARS: usize = 256;

/// The role of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work that the switch requested.
    Server,
    /// A part of that work.
    Internal,
    /// A request to another system.
    Client,
}

/// Converts times of the monotonic clock to Unix times.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: Instant,
    since_1970: Duration,
}

impl Clock {
    /// Returns a clock that is set now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            now: Instant::now(),
            since_1970: clock::since_1970(),
        }
    }

    /// Converts a past time to ns since 1970.
    #[must_use]
    pub fn unix_ns(self, at: Instant) -> u64 {
        let ago = self.now.saturating_duration_since(at);
        let since = self.since_1970.saturating_sub(ago);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A span. It must hold no secret, and numbers only as they may be shown.
#[derive(Debug, Clone)]
pub struct Span {
    trace: Trace,
    id: SpanId,
    span: proto::Span,
}

impl Span {
    /// Returns a span without parent, times and attributes.
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
            name: truncate(name),
            kind: kind.into(),
            flags: u32::from(trace.is_sampled()),
            ..proto::Span::default()
        };
        Self { trace, id, span }
    }

    /// Returns the span of a request, with the parts that are never secret. It leaves out path and
    /// query: they may contain a token.
    #[must_use]
    pub fn request(trace: Trace, id: SpanId, (method, url): (&Method, &Url)) -> Self {
        let port = url.port_or_known_default().map(i64::from);
        Self::new(trace, id, SpanKind::Client, method.as_str())
            .text("http.request.method", method.as_str())
            .text("url.scheme", url.scheme())
            .text("server.address", url.host_str().unwrap_or_default())
            .number("server.port", port)
    }

    /// Returns the span's id.
    #[must_use]
    pub const fn id(&self) -> SpanId {
        self.id
    }

    /// Returns the span's trace.
    #[must_use]
    pub const fn trace(&self) -> Trace {
        self.trace
    }

    /// Changes the name.
    #[must_use]
    pub fn renamed(mut self, name: &str) -> Self {
        self.span.name = truncate(name);
        self
    }

    /// Sets the parent.
    #[must_use]
    pub fn child_of(mut self, parent: Option<SpanId>) -> Self {
        self.span.parent_span_id = parent.map(SpanId::bytes).unwrap_or_default();
        self
    }

    /// Sets the times, in ns since 1970.
    #[must_use]
    pub fn timed(mut self, began_ns: u64, ended_ns: u64) -> Self {
        self.span.start_time_unix_nano = began_ns;
        self.span.end_time_unix_nano = ended_ns.max(began_ns);
        self
    }

    /// Adds a text attribute unless it is empty.
    #[must_use]
    pub fn text(self, key: &str, text: &str) -> Self {
        let text = (!text.is_empty()).then(|| any_value::Value::StringValue(truncate(text)));
        self.attribute(key, text)
    }

    /// Adds a number attribute if there is a number.
    #[must_use]
    pub fn number(self, key: &str, number: Option<i64>) -> Self {
        self.attribute(key, number.map(any_value::Value::IntValue))
    }

    /// Adds a boolean attribute.
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

    /// Marks the span as failed, with the class of the failure (`error.type`) and a sentence.
    #[must_use]
    pub fn failed(mut self, class: &str, sentence: &str) -> Self {
        self.span.status = Some(proto::Status {
            code: proto::status::StatusCode::Error.into(),
            message: truncate(sentence),
        });
        self.text("error.type", class)
    }

    /// Adds an event at a time in ns since 1970.
    #[must_use]
    pub fn event(mut self, name: &str, at_ns: u64) -> Self {
        self.span.events.push(proto::span::Event {
            time_unix_nano: at_ns,
            name: name.to_owned(),
            ..proto::span::Event::default()
        });
        self
    }

    /// Links a trace that belongs to this one.
    #[must_use]
    pub fn link(mut self, trace: Trace) -> Self {
        self.span.links.push(proto::span::Link {
            trace_id: trace.bytes(),
            span_id: trace.root().bytes(),
            ..proto::span::Link::default()
        });
        self
    }

    /// Returns the span to send; `None` when the trace is not within the share.
    pub(super) fn into_proto(self) -> Option<proto::Span> {
        self.trace.is_sampled().then_some(self.span)
    }
}

fn truncate(text: &str) -> String {
    let beyond = text.char_indices().nth(MAX_TEXT_CHARS);
    text[..beyond.map_or(text.len(), |(at, _)| at)].to_owned()
}
