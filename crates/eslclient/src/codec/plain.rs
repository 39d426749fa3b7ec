//! Reads lines of `Name: value`: the head of every frame, and plain events.

use super::error::DecodeError;
use super::index::{Coding, Field, Index};
use super::limits::Limits;
use super::scan;
use super::span::position;

/// Indexes the event that begins at `start`: its lines, a blank line, its body.
///
/// The body ends with the frame. The event's inner Content-Length is not used, because an
/// event that a program sent with `sendevent` may carry a second one.
#[inline]
pub(super) fn index(text: &str, start: usize, limits: &Limits) -> Result<Index, DecodeError> {
    let bytes = text.as_bytes();
    let mut index = Index::with_capacity(bytes.len() - start);
    let mut at = start;
    loop {
        let stop = scan::far::<b':', b'\n'>(&bytes[at..]).ok_or(DecodeError::CutEvent)?;
        let stop = at + stop;
        if bytes[stop] == b'\n' {
            let is_blank = without_cr(&bytes[at..stop]).is_empty();
            index.body = (position(stop + 1), position(bytes.len()));
            return is_blank
                .then(|| index.with_tags(text))
                .ok_or(DecodeError::BadHeader);
        }
        let length = scan::near::<b'\n', b'\n'>(&bytes[stop + 1..]).ok_or(DecodeError::CutEvent)?;
        let end = stop + 1 + length;
        let value = without_cr(&bytes[stop + 1..end]);
        let after = stop + 1 + value.len();
        let value = without_space(value);
        let field = Field {
            name: (position(at), position(stop)),
            value: (position(after - value.len()), position(after)),
            coding: Coding::Percent,
        };
        index.push(field, limits)?;
        at = end + 1;
    }
}

/// Splits a line, without its end, into name and value; `None` if it has no colon.
///
/// The switch writes one space after the colon. Further spaces belong to the value.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = scan::far::<b':', b':'>(line)?;
    Some((&line[..colon], without_space(&line[colon + 1..])))
}

/// Removes the space that the switch writes before a value.
pub(super) fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// Removes the `\r` that some gateways write before the end of a line.
pub(super) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of a block up to its blank line, or up to its end without one.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { rest: block }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = scan::far::<b'\n', b'\n'>(self.rest)?;
        let line = without_cr(&self.rest[..end]);
        self.rest = &self.rest[end + 1..];
        (!line.is_empty()).then_some(line)
    }
}
