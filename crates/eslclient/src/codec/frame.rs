//! One frame of the wire.

use std::borrow::Cow;
use std::fmt;

use super::content_type::ContentType;
use super::error::DecodeError;
use super::event::{Event, Format};
use super::head::Head;
use super::index::Index;
use super::limits::Limits;
use super::span::{Span, position};
use super::{plain, text};
use crate::shortened::Shortened;

/// One whole frame: a head and a body, both decoded only when they are read.
///
/// `Debug` shows headers and body.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Vec<u8>,
    /// The length of the head in bytes, its blank line included.
    head: u32,
    kind: ContentType,
    /// The value of `Reply-Text`.
    reply: Option<Span>,
    /// The lines of a head that is an event itself.
    index: Option<Box<Index>>,
}

impl Frame {
    pub(super) fn new(bytes: Vec<u8>, head: Head) -> Self {
        Self {
            bytes,
            head: position(head.whole.unwrap_or(0)),
            kind: head.kind.unwrap_or(ContentType::Other),
            reply: head.reply,
            index: head.index,
        }
    }

    /// Returns the kind of the frame.
    #[must_use]
    pub fn content_type(&self) -> ContentType {
        self.kind
    }

    /// Returns the first header with this name, decoded. Names match in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let encoded = self.is_encoded();
        self.lines()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| decode(value, encoded))
    }

    /// Returns `header("Reply-Text")` without a search.
    #[must_use]
    pub fn reply_text(&self) -> Option<Cow<'_, str>> {
        let (from, to) = self.reply?;
        let value = self.bytes.get(from as usize..to as usize)?;
        Some(decode(value, self.is_encoded()))
    }

    /// Iterates over all headers as decoded names and values, in the order of the wire.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let encoded = self.is_encoded();
        self.lines()
            .map(move |(name, value)| (text::raw(name), decode(value, encoded)))
    }

    /// Returns the body; empty if the frame has none.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.head as usize..]
    }

    /// Returns the body as text. Invalid UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn body_text(&self) -> Cow<'_, str> {
        text::raw(self.body())
    }

    /// Returns the bytes of the frame, without blank lines before it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether the values of the frame's own headers are percent-encoded.
    ///
    /// Only the head of the reply to `connect` is. It is an event that passed through
    /// `switch_event_serialize(…, SWITCH_TRUE)`, and the only head that begins with
    /// `Event-Name` (`mod_event_socket.c`).
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.index.is_some()
    }

    /// Decodes the event in a plain event, a JSON event or the reply to `connect`.
    ///
    /// # Errors
    /// Returns [`DecodeError::NotAnEvent`] for any other frame; [`DecodeError::CutEvent`],
    /// [`DecodeError::BadHeader`] or [`DecodeError::BadJson`] if the event is malformed; and
    /// [`DecodeError::TooManyHeaders`].
    pub fn into_event(self, limits: &Limits) -> Result<Event, DecodeError> {
        let head = self.head as usize;
        match self.kind {
            ContentType::EventPlain => Event::new(self.bytes, head, Format::Plain, limits),
            ContentType::EventJson => Event::new(self.bytes, head, Format::Json, limits),
            ContentType::CommandReply => {
                let index = self.index.ok_or(DecodeError::NotAnEvent)?;
                Event::indexed(self.bytes, self.head, *index, limits)
            }
            ContentType::AuthRequest
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

/// Shows the headers and the body, long values up to a limit.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_map();
        for (name, value) in self.headers() {
            shown.entry(&name, &Shortened(&value));
        }
        if !self.body().is_empty() {
            shown.entry(&"_body", &Shortened(&self.body_text()));
        }
        shown.finish()
    }
}
