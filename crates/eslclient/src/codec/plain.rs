//! Lines of `Name: value`: the head of every frame, and the whole of a plain event.

use super::seek;

/// Splits a line, without its end, into name and value; `None` when it has no
/// colon. One space after the colon is the switch's, further ones the value's.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = seek::far::<b':', b':'>(line)?;
    Some((&line[..colon], without_space(&line[colon + 1..])))
}

/// A value without the space that the switch writes before it.
pub(super) fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// A line without the `\r` that some gateways put before its end.
pub(super) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of a block up to its blank line, or to its end when it has none.
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
        let end = seek::far::<b'\n', b'\n'>(self.rest)?;
        let line = without_cr(&self.rest[..end]);
        self.rest = &self.rest[end + 1..];
        (!line.is_empty()).then_some(line)
    }
}
