//! Where the headers of an event lie in its text.

use memchr::memchr_iter;

use super::decoder::{DecodeError, Limits};
use super::json::unescape;
use super::{plain, seek};

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

impl Field {
    /// Bytes of its name.
    pub(super) fn length(&self) -> usize {
        (self.name.1 - self.name.0) as usize
    }
}

/// All headers and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) fields: Vec<Field>,
    /// The [`tag`] of each field's name, decoded: searched many at a time, where the fields
    /// themselves would be one by one.
    tags: Vec<u8>,
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
            tags: Vec::new(),
            body: (0, 0),
            body_coding: Coding::AsIs,
            escaped_names: false,
        }
    }

    /// The fields whose decoded name may be `prefix` and `name`, without case.
    pub(super) fn tagged(&self, prefix: &str, name: &str) -> impl Iterator<Item = &Field> {
        let length = prefix.len() + name.len();
        let last = name.as_bytes().last().or(prefix.as_bytes().last());
        // An empty name has no last byte, and may be any field.
        let (tagged, any) = match length {
            0 => (&[][..], &self.fields[..]),
            1.. => (&self.tags[..], &[][..]),
        };
        let found = memchr_iter(tag(length, last), tagged);
        found.filter_map(|at| self.fields.get(at)).chain(any)
    }

    /// Notes the tags of all names; nothing is found before.
    pub(super) fn finished(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let fields = self.fields.iter().map(|field| field.name);
        self.tags = if self.escaped_names {
            let name = |(from, to): Span| text.get(from as usize..to as usize);
            let decoded = fields.map(|span| unescape(name(span).unwrap_or_default()));
            decoded
                .map(|name| tag(name.len(), name.as_bytes().last()))
                .collect()
        } else {
            fields
                // Of an empty name what stands before it, which tells nothing.
                .map(|(from, to)| {
                    tag(
                        (to - from) as usize,
                        bytes.get((to as usize).wrapping_sub(1)),
                    )
                })
                .collect()
        };
        self
    }

    #[inline]
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
            let stop = seek::far::<b':', b'\n'>(&bytes[at..]).ok_or(DecodeError::CutEvent)?;
            let stop = at + stop;
            if bytes[stop] == b'\n' {
                let is_blank = plain::without_cr(&bytes[at..stop]).is_empty();
                index.body = (position(stop + 1), position(bytes.len()));
                return is_blank
                    .then(|| index.finished(text))
                    .ok_or(DecodeError::BadHeader);
            }
            let length =
                seek::near::<b'\n', b'\n'>(&bytes[stop + 1..]).ok_or(DecodeError::CutEvent)?;
            let end = stop + 1 + length;
            let value = plain::without_cr(&bytes[stop + 1..end]);
            let after = stop + 1 + value.len();
            let value = plain::without_space(value);
            let field = Field {
                name: (position(at), position(stop)),
                value: (position(after - value.len()), position(after)),
                coding: Coding::Percent,
            };
            index.push(field, limits)?;
            at = end + 1;
        }
    }
}

/// One byte of a name, of its length and its last byte: the same whatever its case, and
/// seldom the same for two names of one event.
fn tag(length: usize, last: Option<&u8>) -> u8 {
    // Makes letters small; what it does to other bytes it does to them everywhere.
    let last = last.map_or(0, |byte| byte | 0x20);
    (length as u8).wrapping_add(last.rotate_left(4))
}

/// A place in a frame, of which the decoder's limits let none reach 4 GiB.
pub(super) const fn position(at: usize) -> u32 {
    at as u32
}
