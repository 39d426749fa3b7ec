//! The head of a frame, read line by line as it arrives.

use super::content_type::ContentType;
use super::error::DecodeError;
use super::index::{Coding, Field, Index};
use super::limits::Limits;
use super::span::{Span, position};
use super::{plain, scan};

/// The state of the head that is being read. Positions count from the frame's start.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// The start of the current line.
    line: usize,
    /// The current line's first colon, once it is found.
    colon: Option<u32>,
    /// The position up to which the current line was searched.
    seen: usize,
    lines: u32,
    /// The length of the head in bytes, once it is whole.
    pub(super) whole: Option<usize>,
    pub(super) body: Option<usize>,
    pub(super) kind: Option<ContentType>,
    /// The value of the first `Reply-Text`. In the reply to `connect` it follows more than a
    /// hundred lines, so a second search would be slow.
    pub(super) reply: Option<Span>,
    /// The lines of a head that is an event itself: the reply to `connect`.
    pub(super) index: Option<Box<Index>>,
}

impl Head {
    /// Returns whether no byte was read yet.
    pub(super) fn is_new(&self) -> bool {
        self.seen == 0
    }

    /// Returns the length of the frame as far as it is known, in bytes.
    pub(super) fn frame_length(&self) -> usize {
        self.whole.map_or(0, |head| head + self.body.unwrap_or(0))
    }

    /// Returns the memory of the index, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.index.as_ref().map_or(0, |index| index.memory())
    }

    /// Reads the lines that are new in `bytes`, which begin where the frame does.
    pub(super) fn read(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        let limit = limits.header_bytes;
        while let Some(end) = self.line_end(bytes) {
            if end >= limit {
                return Err(DecodeError::HeadTooLong { limit });
            }
            let (start, colon) = (self.line, self.colon.take());
            (self.line, self.seen) = (end + 1, end + 1);
            match colon {
                Some(colon) => self.note(bytes, (start, colon as usize, end), limits)?,
                None if plain::without_cr(&bytes[start..end]).is_empty() => {
                    self.whole = Some(end + 1);
                    return Ok(());
                }
                None => {
                    self.count_line(limits)?;
                    return Err(DecodeError::BadHeader);
                }
            }
        }
        self.seen = bytes.len();
        if bytes.len() > limit {
            return Err(DecodeError::HeadTooLong { limit });
        }
        Ok(())
    }

    /// Finds the end of the current line, and its first colon on the way.
    #[inline]
    fn line_end(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.colon.is_none() {
            let stop = self.seen + scan::far::<b':', b'\n'>(&bytes[self.seen..])?;
            if bytes[stop] == b'\n' {
                return Some(stop);
            }
            self.colon = Some(position(stop));
            self.seen = stop + 1;
        }
        let found = scan::near::<b'\n', b'\n'>(&bytes[self.seen..])?;
        Some(self.seen + found)
    }

    fn count_line(&mut self, limits: &Limits) -> Result<(), DecodeError> {
        self.lines += 1;
        if self.lines as usize > limits.headers {
            return Err(DecodeError::TooManyHeaders {
                limit: limits.headers,
            });
        }
        Ok(())
    }

    /// Evaluates a line, given by its start, its colon and its end.
    #[inline]
    fn note(
        &mut self,
        bytes: &[u8],
        (start, colon, end): (usize, usize, usize),
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        self.count_line(limits)?;
        let line = plain::without_cr(&bytes[colon + 1..end]);
        let end = colon + 1 + line.len();
        let field = Field {
            name: (position(start), position(colon)),
            value: (
                position(end - plain::without_space(line).len()),
                position(end),
            ),
            coding: Coding::Percent,
        };
        // The length rules out most of the names that concern the frame.
        if matches!(colon - start, 10 | 12 | 14) {
            self.note_frame(bytes, &field, limits)?;
        }
        if let Some(index) = &mut self.index {
            index.fields.push(field);
        }
        Ok(())
    }

    /// Evaluates a line that may concern the frame: `Event-Name` or `Reply-Text`, `Content-Type`,
    /// `Content-Length`.
    fn note_frame(
        &mut self,
        bytes: &[u8],
        field: &Field,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        let slice = |(from, to): Span| &bytes[from as usize..to as usize];
        let (name, value) = (slice(field.name), slice(field.value));
        if self.lines == 1 && name == b"Event-Name" {
            self.index = Some(Box::new(Index::with_capacity(bytes.len())));
        } else if name.eq_ignore_ascii_case(b"Content-Length") {
            return self.note_length(value, limits);
        } else if self.kind.is_none() && name.eq_ignore_ascii_case(b"Content-Type") {
            self.kind = Some(ContentType::of(value.trim_ascii()));
        } else if self.reply.is_none() && name.eq_ignore_ascii_case(b"Reply-Text") {
            self.reply = Some(field.value);
        }
        Ok(())
    }

    fn note_length(&mut self, value: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        if self.body.is_some() {
            return Err(DecodeError::TwoContentLengths);
        }
        let announced = number(value.trim_ascii()).ok_or(DecodeError::BadContentLength)?;
        let limit = limits.body_bytes;
        match usize::try_from(announced) {
            Ok(length) if length <= limit => {
                self.body = Some(length);
                Ok(())
            }
            Ok(_) | Err(_) => Err(DecodeError::BodyTooLong { announced, limit }),
        }
    }
}

/// Parses digits only: no sign, no space. A number above `u64::MAX` becomes `u64::MAX`.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    // Too many digits for a u64 are still a length, above every limit.
    Some(text.parse().unwrap_or(u64::MAX))
}
