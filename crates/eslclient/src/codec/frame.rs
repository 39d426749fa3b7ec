//! One frame of the wire.

use std::borrow::Cow;
use std::fmt;

use super::decoder::{DecodeError, Limits};
use super::event::{Event, Format};
use super::index::Span;
use super::{plain, text};

/// What a frame is, by its Content-Type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// `auth/request`: port 8021 wants the password.
    AuthRequest,
    /// `command/reply`: the answer to any command but `api`.
    CommandReply,
    /// `api/response`: the answer to `api`, in the body.
    ApiResponse,
    /// `text/event-plain`.
    EventPlain,
    /// `text/event-json`.
    EventJson,
    /// `text/event-xml`; not decoded here.
    EventXml,
    /// `text/disconnect-notice`: the call or the connection is over.
    DisconnectNotice,
    /// `text/rude-rejection`: the switch's ACL does not let us in.
    RudeRejection,
    /// `log/data`: a line of the switch's log.
    LogData,
    /// Any other, or none. `Frame::header("Content-Type")` has its text.
    Other,
}

impl ContentType {
    pub(super) fn of(value: &[u8]) -> Self {
        match value {
            b"auth/request" => Self::AuthRequest,
            b"command/reply" => Self::CommandReply,
            b"api/response" => Self::ApiResponse,
            b"text/event-plain" => Self::EventPlain,
            b"text/event-json" => Self::EventJson,
            b"text/event-xml" => Self::EventXml,
            b"text/disconnect-notice" => Self::DisconnectNotice,
            b"text/rude-rejection" => Self::RudeRejection,
            b"log/data" => Self::LogData,
            _ => Self::Other,
        }
    }
}

/// One frame, whole, with nothing of it decoded yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Vec<u8>,
    /// Bytes of the head, its blank line included.
    head: u32,
    kind: ContentType,
    /// Where the value of `Reply-Text` is.
    reply: Option<Span>,
}

impl Frame {
    pub(super) fn new(bytes: Vec<u8>, head: u32, kind: ContentType, reply: Option<Span>) -> Self {
        Self {
            bytes,
            head,
            kind,
            reply,
        }
    }

    /// What the frame is.
    #[must_use]
    pub fn content_type(&self) -> ContentType {
        self.kind
    }

    /// The first header of this name, decoded; names compare without case, as the switch does.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let encoded = self.is_encoded();
        self.lines()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| decode(value, encoded))
    }

    /// What `header("Reply-Text")` says, without a search.
    #[must_use]
    pub fn reply_text(&self) -> Option<Cow<'_, str>> {
        let (from, to) = self.reply?;
        let value = self.bytes.get(from as usize..to as usize)?;
        Some(decode(value, self.is_encoded()))
    }

    /// Every header, decoded, in the order of the wire.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let encoded = self.is_encoded();
        self.lines()
            .map(move |(name, value)| (text::raw(name), decode(value, encoded)))
    }

    /// The body; empty when the frame has none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.head as usize..]
    }

    /// The body as text; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn body_text(&self) -> Cow<'_, str> {
        text::raw(self.body())
    }

    /// The frame as it came, blank lines before it left out.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the values of the frame's own headers are percent-encoded.
    ///
    /// FreeSWITCH: `mod_event_socket.c` prints every head as it is, but for the
    /// reply to `connect`, which is an event put through
    /// `switch_event_serialize(…, SWITCH_TRUE)`. Only that one begins with `Event-Name`.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.lines()
            .next()
            .is_some_and(|(name, _)| name == b"Event-Name")
    }

    /// The event that the frame carries: of a plain or JSON event, or of the
    /// reply to `connect`.
    ///
    /// # Errors
    /// [`DecodeError::NotAnEvent`] for any other frame, and whatever is wrong with the event.
    pub fn into_event(self, limits: &Limits) -> Result<Event, DecodeError> {
        let head = self.head as usize;
        match self.kind {
            ContentType::EventPlain => Event::new(self.bytes, head, Format::Plain, limits),
            ContentType::EventJson => Event::new(self.bytes, head, Format::Json, limits),
            ContentType::CommandReply if self.is_encoded() => {
                Event::new(self.bytes, 0, Format::Plain, limits)
            }
            ContentType::CommandReply
            | ContentType::AuthRequest
            | ContentType::ApiResponse
            | ContentType::EventXml
            | ContentType::DisconnectNotice
            | ContentType::RudeRejection
            | ContentType::LogData
            | ContentType::Other => Err(DecodeError::NotAnEvent),
        }
    }

    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        plain::Lines::new(&self.bytes[..self.head as usize]).filter_map(plain::split)
    }
}

fn decode(value: &[u8], encoded: bool) -> Cow<'_, str> {
    match (text::raw(value), encoded) {
        (Cow::Borrowed(raw), true) => text::percent(raw),
        (Cow::Owned(raw), true) => Cow::Owned(text::percent(&raw).into_owned()),
        (raw, false) => raw,
    }
}

/// Says what the frame is and how large, not what it holds: a body may carry what no log should.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("content_type", &self.kind)
            .field("head_bytes", &self.head)
            .field("body_bytes", &self.body().len())
            .finish()
    }
}
