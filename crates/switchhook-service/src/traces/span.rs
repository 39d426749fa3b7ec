//! One span and its attributes.

use std::time::Duration;

use http::Method;
use tokio::time::Instant;
use url::Url;

use super::protobuf::Message;
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
    parent: Option<SpanId>,
    kind: SpanKind,
    name: String,
    began_ns: u64,
    ended_ns: u64,
    /// Attributes, events, links and the status, encoded.
    fields: Message,
}

impl Span {
    /// Returns a span without parent, times and attributes.
    #[must_use]
    pub fn new(trace: Trace, id: SpanId, kind: SpanKind, name: &str) -> Self {
        Self {
            trace,
            id,
            parent: None,
            kind,
            name: truncate(name),
            began_ns: 0,
            ended_ns: 0,
            fields: Message::default(),
        }
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
        self.name = truncate(name);
        self
    }

    /// Sets the parent.
    #[must_use]
    pub fn child_of(mut self, parent: Option<SpanId>) -> Self {
        self.parent = parent;
        self
    }

    /// Sets the times, in ns since 1970.
    #[must_use]
    pub fn timed(mut self, began_ns: u64, ended_ns: u64) -> Self {
        self.began_ns = began_ns;
        self.ended_ns = ended_ns.max(began_ns);
        self
    }

    /// Adds a text attribute unless it is empty.
    #[must_use]
    pub fn text(self, key: &str, text: &str) -> Self {
        if text.is_empty() {
            return self;
        }
        self.attribute(key, AttributeValue::Text(&truncate(text)))
    }

    /// Adds a number attribute if there is a number.
    #[must_use]
    pub fn number(self, key: &str, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.attribute(key, AttributeValue::Number(number)),
            None => self,
        }
    }

    /// Adds a boolean attribute.
    #[must_use]
    pub fn flag(self, key: &str, so: bool) -> Self {
        self.attribute(key, AttributeValue::Flag(so))
    }

    fn attribute(self, key: &str, value: AttributeValue<'_>) -> Self {
        self.field(9, &attribute(key, value))
    }

    /// Adds a message of `opentelemetry.proto.trace.v1.Span`.
    fn field(mut self, number: u64, message: &Message) -> Self {
        self.fields = self.fields.message_always(number, message);
        self
    }

    /// Marks the span as failed, with the class of the failure (`error.type`) and a sentence.
    #[must_use]
    pub fn failed(self, class: &str, sentence: &str) -> Self {
        const STATUS_CODE_ERROR: u64 = 2;
        let status = Message::default()
            .bytes(2, truncate(sentence))
            .varint(3, STATUS_CODE_ERROR);
        self.field(15, &status).text("error.type", class)
    }

    /// Adds an event at a time in ns since 1970.
    #[must_use]
    pub fn event(self, name: &str, at_ns: u64) -> Self {
        let event = Message::default().fixed64(1, at_ns).bytes(2, name);
        self.field(11, &event)
    }

    /// Links a trace that belongs to this one.
    #[must_use]
    pub fn link(self, trace: Trace) -> Self {
        let link = Message::default()
            .bytes(1, trace.bytes())
            .bytes(2, trace.root().bytes());
        self.field(13, &link)
    }

    /// Encodes the span.
    pub(super) fn encode(&self) -> Message {
        let kind = match self.kind {
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
            SpanKind::Client => 3,
        };
        let parent = self.parent.map(SpanId::bytes).unwrap_or_default();
        Message::default()
            .bytes(1, self.trace.bytes())
            .bytes(2, self.id.bytes())
            .bytes(4, parent)
            .bytes(5, &self.name)
            .varint(6, kind)
            .fixed64(7, self.began_ns)
            .fixed64(8, self.ended_ns)
            .fields(&self.fields)
            .fixed32(16, self.trace.is_sampled().into())
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum AttributeValue<'a> {
    Text(&'a str),
    Number(i64),
    Flag(bool),
}

/// Encodes a `KeyValue`.
pub(super) fn attribute(key: &str, value: AttributeValue<'_>) -> Message {
    let value = match value {
        AttributeValue::Text(text) => Message::default().bytes_always(1, text),
        AttributeValue::Flag(so) => Message::default().varint_always(2, so.into()),
        AttributeValue::Number(number) => {
            Message::default().varint_always(3, number.cast_unsigned())
        }
    };
    Message::default().bytes(1, key).message_always(2, &value)
}

fn truncate(text: &str) -> String {
    let beyond = text.char_indices().nth(MAX_TEXT_CHARS);
    text[..beyond.map_or(text.len(), |(at, _)| at)].to_owned()
}
