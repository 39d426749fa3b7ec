//! The positions of an event's headers in its text.

use memchr::memchr_iter;

use super::error::DecodeError;
use super::escape::unescape;
use super::limits::Limits;
use super::span::Span;

/// How a value is encoded on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    AsIs,
    /// Percent-encoded text.
    Percent,
    /// The text between the quotes of a JSON string with escapes.
    Escaped,
    /// A JSON array with its brackets.
    Array,
}

/// The positions of one header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
    pub(super) coding: Coding,
}

impl Field {
    /// Returns the length of the name in bytes.
    pub(super) fn name_length(&self) -> usize {
        (self.name.1 - self.name.0) as usize
    }
}

/// The positions of all headers and of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) fields: Vec<Field>,
    /// The [`tag`] of each field's decoded name. `memchr` searches many tags at a time; the
    /// fields would be compared one by one.
    tags: Vec<u8>,
    pub(super) body: Span,
    pub(super) body_coding: Coding,
    /// Whether any name has a JSON escape: then names are decoded before they are compared.
    pub(super) escaped_names: bool,
}

impl Index {
    /// Creates an index with room for the headers in so many bytes.
    ///
    /// A header of the captured events takes 33 to 60 bytes. An estimate that is too low
    /// costs one more allocation.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let room = (bytes / 30).clamp(4, 1024);
        Self {
            fields: Vec::with_capacity(room),
            tags: Vec::new(),
            body: (0, 0),
            body_coding: Coding::AsIs,
            escaped_names: false,
        }
    }

    /// Returns the memory of the positions, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.fields.capacity() * size_of::<Field>()
    }

    /// Iterates over the fields whose decoded name may be `prefix` and `name` in any case.
    pub(super) fn candidates(&self, prefix: &str, name: &str) -> impl Iterator<Item = &Field> {
        let length = prefix.len() + name.len();
        let last = name.as_bytes().last().or(prefix.as_bytes().last());
        // An empty name has no last byte, so it may be any field.
        let (tagged, any) = match length {
            0 => (&[][..], &self.fields[..]),
            1.. => (&self.tags[..], &[][..]),
        };
        let found = memchr_iter(tag(length, last), tagged);
        found.filter_map(|at| self.fields.get(at)).chain(any)
    }

    /// Computes the tags of all names. [`Self::candidates`] finds nothing before.
    pub(super) fn with_tags(mut self, text: &str) -> Self {
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
                // An empty name takes the byte before it, which does no harm.
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
}

/// Makes one byte of a name's length and its last byte.
///
/// The tag does not depend on case. Two names of one event seldom share a tag.
fn tag(length: usize, last: Option<&u8>) -> u8 {
    // Lowers the case of letters. Other bytes change too, but always in the same way.
    let last = last.map_or(0, |byte| byte | 0x20);
    (length as u8).wrapping_add(last.rotate_left(4))
}
