//! Where the headers of an event lie in its text.

use memchr::{memchr, memchr_iter};

use super::decoder::{DecodeError, Limits};
use super::json::unescape;
use super::plain;

/// A part of the event's text, in bytes.
pub(super) type Span = (u32, u32);

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    AsIs,
    /// Percent-encoded, perhaps.
    Percent,
    /// The inside of a JSON string with escapes.
    Escaped,
    /// A JSON array, brackets included.
    Array,
}

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) coding: Coding,
}

/// All headers and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) fields: Vec<Field>,
    /// The length of each field's name, decoded, at most 255: searched many at a time, where
    /// the fields themselves would be one by one.
    lengths: Vec<u8>,
    pub(super) body: Span,
    pub(super) body_coding: Coding,
    /// Some name has a JSON escape: then names have to be decoded to compare.
    pub(super) escaped_names: bool,
}

impl Index {
    /// Room for the headers of so many bytes. Those of real events take 33 to 60
    /// bytes each; a guess too low costs one more allocation.
    pub(super) fn sized(bytes: usize) -> Self {
        let room = (bytes / 30).clamp(4, 1024);
        Self {
            fields: Vec::with_capacity(room),
            lengths: Vec::new(),
            body: (0, 0),
            body_coding: Coding::AsIs,
            escaped_names: false,
        }
    }

    /// The fields whose decoded name has this length.
    pub(super) fn of_length(&self, length: usize) -> impl Iterator<Item = &Field> {
        let found = memchr_iter(clamped(length), &self.lengths);
        found.filter_map(|at| self.fields.get(at))
    }

    /// Notes the lengths of all names; nothing is found before.
    pub(super) fn finished(mut self, text: &str) -> Self {
        let length = |field: &Field| (field.name.1 - field.name.0) as usize;
        let fields = self.fields.iter();
        self.lengths = if self.escaped_names {
            let name = |field: &Field| text.get(field.name.0 as usize..field.name.1 as usize);
            let decoded = |field| unescape(name(field).unwrap_or_default()).len();
            fields.map(|field| clamped(decoded(field))).collect()
        } else {
            fields.map(|field| clamped(length(field))).collect()
        };
        self
    }

    pub(super) fn push(&mut self, field: Field, limits: &Limits) -> Result<(), DecodeError> {
        if self.fields.len() == limits.headers {
            return Err(DecodeError::TooManyHeaders {
                limit: limits.headers,
            });
        }
        self.fields.push(field);
        Ok(())
    }

    /// Indexes the lines from `start`; the body is what follows their blank line.
    ///
    /// The frame's own length bounds the body. The event's inner Content-Length is
    /// not used: an event that a program sent may carry a second one.
    pub(super) fn of_lines(text: &str, start: usize, limits: &Limits) -> Result<Self, DecodeError> {
        let bytes = text.as_bytes();
        let mut index = Self::sized(bytes.len() - start);
        let mut at = start;
        loop {
            let end = at + memchr(b'\n', &bytes[at..]).ok_or(DecodeError::CutEvent)?;
            let line = plain::without_cr(&bytes[at..end]);
            if line.is_empty() {
                index.body = (position(end + 1), position(bytes.len()));
                return Ok(index.finished(text));
            }
            let (name, value) = plain::split(line).ok_or(DecodeError::BadHeader)?;
            let after = at + line.len();
            let field = Field {
                name: (position(at), position(at + name.len())),
                value: (position(after - value.len()), position(after)),
                coding: Coding::Percent,
            };
            index.push(field, limits)?;
            at = end + 1;
        }
    }
}

fn clamped(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// A place in a frame, of which the decoder's limits let none reach 4 GiB.
pub(super) const fn position(at: usize) -> u32 {
    at as u32
}
