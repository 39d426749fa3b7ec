//! Bytes as they arrive, to whole frames.

use super::frame::{ContentType, Frame};
use super::index::{Span, position};
use super::{plain, seek};

/// The largest frame that is believed. Beyond it the connection is given up,
/// for nothing that follows can be trusted either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, its blank line included. At most 1 GiB is used.
    pub header_bytes: usize,
    /// Lines of a head, and headers of an event.
    pub headers: usize,
    /// Bytes of a body. At most 1 GiB is used.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 1024 * 1024,
            headers: 1024,
            body_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Why bytes are not Event Socket, or more of it than is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A head is longer than [`Limits::header_bytes`].
    #[error(
        "the peer sent a head of more than {limit} bytes: is it FreeSWITCH? If so, raise Limits::header_bytes"
    )]
    HeadTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A head or an event has more lines than [`Limits::headers`].
    #[error(
        "the peer sent more than {limit} headers in one frame: is it FreeSWITCH? If so, raise Limits::headers"
    )]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// The Content-Length is above [`Limits::body_bytes`].
    #[error(
        "the peer announced a body of {announced} bytes, the limit is {limit}: ask for less, or raise Limits::body_bytes"
    )]
    BodyTooLong {
        /// What Content-Length said.
        announced: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A Content-Length that is no number.
    #[error("the peer sent a Content-Length that is no number: it does not speak Event Socket")]
    BadContentLength,
    /// Two Content-Length lines in one head: which body would it be?
    #[error("the peer sent two Content-Lengths in one frame: it does not speak Event Socket")]
    TwoContentLengths,
    /// A line of a head or of a plain event without a colon.
    #[error("the peer sent a header line without a colon: it does not speak Event Socket")]
    BadHeader,
    /// An event's headers do not end where its Content-Length says.
    #[error("the peer sent a plain event that ends in the middle of a header")]
    CutEvent,
    /// An event's JSON is not the flat object that the switch sends.
    #[error("the peer sent a JSON event that is broken at byte {at}")]
    BadJson {
        /// Byte of the body where it went wrong.
        at: usize,
    },
    /// The frame carries no event.
    #[error("the frame carries no event")]
    NotAnEvent,
}

/// Places in a frame are kept as `u32`: no limit is above this.
const GIB: usize = 1 << 30;

/// Takes the bytes of a connection as they come and gives whole frames.
///
/// Empty, it holds no memory. It never holds more than one frame within the
/// limits and the last bytes fed, provided that frames are taken before more is fed.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where in the buffer the current frame begins.
    start: usize,
    limits: Limits,
    head: Head,
}

/// What is known of the head that is being read; positions count from the frame's start.
#[derive(Debug, Clone, Default)]
struct Head {
    /// Where the line that is being read begins.
    line: usize,
    /// How far that line was searched for its end.
    seen: usize,
    lines: usize,
    /// Bytes of the head once it is whole.
    whole: Option<usize>,
    body: Option<usize>,
    kind: Option<ContentType>,
    /// Where the value of the first `Reply-Text` is: in a reply to `connect` at the end of
    /// more than a hundred lines, which nobody is to search again.
    reply: Option<Span>,
    fault: Option<Box<DecodeError>>,
}

impl Decoder {
    /// A decoder that holds nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            limits: Limits {
                header_bytes: limits.header_bytes.min(GIB),
                body_bytes: limits.body_bytes.min(GIB),
                ..limits
            },
            head: Head::default(),
        }
    }

    /// The limits it was made with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes bytes from the wire; [`Decoder::next_frame`] then has the frames they complete.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.compact();
        let missing = self.wanted().saturating_sub(self.buffer.len());
        // What is announced is believed only 16 KiB ahead of what has come.
        self.buffer.reserve(missing.min(16 * 1024).max(bytes.len()));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// The bytes are not Event Socket or beyond a limit. It says so again at
    /// every later call: the place where the next frame begins is lost.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if let Some(fault) = &self.head.fault {
            return Err(fault.as_ref().clone());
        }
        match self.advance() {
            Ok(frame) => Ok(frame),
            Err(fault) => {
                self.buffer = Vec::new();
                self.start = 0;
                self.head.fault = Some(Box::new(fault.clone()));
                Err(fault)
            }
        }
    }

    /// Bytes that are held and belong to no whole frame yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Bytes of memory that the buffer occupies; none when nothing is pending.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    fn advance(&mut self) -> Result<Option<Frame>, DecodeError> {
        if self.head.whole.is_none() {
            self.skip_blank_lines();
            self.read_head()?;
        }
        let Some(head) = self.head.whole else {
            return Ok(None);
        };
        let total = head + self.head.body.unwrap_or(0);
        if self.pending() < total {
            return Ok(None);
        }
        let Head { kind, reply, .. } = std::mem::take(&mut self.head);
        let kind = kind.unwrap_or(ContentType::Other);
        Ok(Some(Frame::new(
            self.take(total),
            position(head),
            kind,
            reply,
        )))
    }

    /// Moves the buffer out when it is just this frame, else copies the frame out of it.
    fn take(&mut self, total: usize) -> Vec<u8> {
        if self.start == 0 && self.buffer.len() == total {
            return std::mem::take(&mut self.buffer);
        }
        let end = self.start + total;
        let frame = self.buffer[self.start..end].to_vec();
        self.start = end;
        self.release();
        frame
    }

    fn release(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        }
    }

    fn compact(&mut self) {
        if self.start > 0 {
            // A new buffer rather than the old one moved down: that may be large.
            self.buffer = self.buffer[self.start..].to_vec();
            self.start = 0;
        }
    }

    /// Bytes that the current frame is known to have.
    fn wanted(&self) -> usize {
        self.head
            .whole
            .map_or(0, |head| head + self.head.body.unwrap_or(0))
    }

    /// Line ends before a head carry nothing; the switch skips them too (`read_packet`).
    fn skip_blank_lines(&mut self) {
        if self.head.seen > 0 {
            return;
        }
        let blank = self.buffer[self.start..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.start += blank;
        if blank > 0 {
            self.release();
        }
    }

    fn read_head(&mut self) -> Result<(), DecodeError> {
        let bytes = &self.buffer[self.start..];
        let limit = self.limits.header_bytes;
        while let Some(found) = seek::far::<b'\n', b'\n'>(&bytes[self.head.seen..]) {
            let end = self.head.seen + found;
            if end >= limit {
                return Err(DecodeError::HeadTooLong { limit });
            }
            let start = self.head.line;
            let line = plain::without_cr(&bytes[start..end]);
            self.head.line = end + 1;
            self.head.seen = end + 1;
            if line.is_empty() {
                self.head.whole = Some(end + 1);
                return Ok(());
            }
            self.head.note(start, line, &self.limits)?;
        }
        self.head.seen = bytes.len();
        if bytes.len() > limit {
            return Err(DecodeError::HeadTooLong { limit });
        }
        Ok(())
    }
}

impl Head {
    /// Takes in the line that begins at `start`.
    fn note(&mut self, start: usize, line: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        self.lines += 1;
        if self.lines > limits.headers {
            return Err(DecodeError::TooManyHeaders {
                limit: limits.headers,
            });
        }
        let (name, value) = plain::split(line).ok_or(DecodeError::BadHeader)?;
        if name.eq_ignore_ascii_case(b"Content-Length") {
            return self.note_length(value, limits);
        }
        if self.kind.is_none() && name.eq_ignore_ascii_case(b"Content-Type") {
            self.kind = Some(ContentType::of(value.trim_ascii()));
        } else if self.reply.is_none() && name.eq_ignore_ascii_case(b"Reply-Text") {
            let end = start + line.len();
            self.reply = Some((position(end - value.len()), position(end)));
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

/// Digits only: no sign, no space, no overflow.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    // More digits than a u64 has is a length all the same, and above every limit.
    Some(text.parse().unwrap_or(u64::MAX))
}
