//! Collects bytes as they arrive and returns whole frames.

use super::error::DecodeError;
use super::frame::Frame;
use super::head::Head;
use super::limits::Limits;
use super::memory_budget::{MemoryBudget, MemoryShare};

/// The highest limit: positions in a frame are `u32`.
const GIB: usize = 1 << 30;

/// Collects the bytes of a connection and returns whole frames.
///
/// An empty decoder holds no memory. It never holds more than one frame within the limits
/// and the bytes of the last [`Decoder::feed`], if every frame is taken before the next one.
///
/// ```
/// use eslclient::{ContentType, Decoder, Limits};
///
/// let mut decoder = Decoder::new(Limits::default());
/// decoder.feed(b"Content-Type: auth/re");
/// assert_eq!(decoder.next_frame()?, None);
/// decoder.feed(b"quest\n\n");
/// let frame = decoder.next_frame()?.expect("the frame is whole");
/// assert_eq!(frame.content_type(), ContentType::AuthRequest);
/// # Ok::<(), eslclient::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// The position of the current frame in the buffer.
    start: usize,
    limits: Limits,
    head: Head,
    error: Option<Box<DecodeError>>,
    memory: Option<Box<MemoryShare>>,
}

impl Decoder {
    /// Creates an empty decoder.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            limits: within_positions(limits),
            head: Head::default(),
            error: None,
            memory: None,
        }
    }

    /// Counts the memory of unfinished frames against a budget that other decoders share.
    pub fn limit_memory(&mut self, budget: &MemoryBudget) {
        self.memory = Some(Box::new(MemoryShare::new(budget)));
    }

    /// Replaces the limits, for the next frame.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = within_positions(limits);
    }

    /// Returns the decoder's limits.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Adds bytes from the wire. [`Decoder::next_frame`] then returns the frames they complete.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.compact();
        let missing = self.head.frame_length().saturating_sub(self.buffer.len());
        // A peer can announce a body that it never sends: reserve at most 16 KiB ahead.
        let more = missing.min(16 * 1024).max(bytes.len());
        if self.has_memory(self.buffer.len() + more + self.head.memory()) {
            self.buffer.reserve(more);
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Counts the bytes that the buffer is to hold. Without room for them, every later frame is an
    /// error.
    fn has_memory(&mut self, bytes: usize) -> bool {
        let Some(memory) = &mut self.memory else {
            return true;
        };
        if memory.resize(bytes) {
            return true;
        }
        let limit = memory.budget().bytes();
        self.fail(DecodeError::OutOfMemory { limit });
        false
    }

    fn fail(&mut self, error: DecodeError) {
        self.buffer = Vec::new();
        self.start = 0;
        self.head = Head::default();
        self.error = Some(Box::new(error));
        if let Some(memory) = &mut self.memory {
            memory.resize(0);
        }
    }

    /// Returns the next whole frame, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// Returns an error if the bytes are not Event Socket or are beyond a limit. Every later
    /// call returns the same error, because the start of the next frame is unknown.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if let Some(error) = &self.error {
            return Err(error.as_ref().clone());
        }
        match self.advance() {
            Ok(frame) => Ok(frame),
            Err(error) => {
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Returns the number of bytes held that are not part of a returned frame.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Returns the size of the buffer in bytes; 0 if no byte is pending.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.buffer.capacity() + self.head.memory()
    }

    fn advance(&mut self) -> Result<Option<Frame>, DecodeError> {
        if self.head.whole.is_none() {
            self.skip_blank_lines();
            self.read_head()?;
        }
        if self.head.whole.is_none() {
            return Ok(None);
        }
        let total = self.head.frame_length();
        if self.pending() < total {
            return Ok(None);
        }
        let head = std::mem::take(&mut self.head);
        let frame = self.take(total);
        if let Some(memory) = &mut self.memory {
            memory.resize(self.buffer.len());
        }
        Ok(Some(Frame::new(frame, head)))
    }

    /// Takes a frame out of the buffer, without a copy if the buffer holds nothing else.
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
            // A new buffer, because the old one may be large.
            self.buffer = self.buffer[self.start..].to_vec();
            self.start = 0;
        }
    }

    /// Skips line ends before a head, as the switch does (`read_packet`, `mod_event_socket.c`).
    fn skip_blank_lines(&mut self) {
        if !self.head.is_new() {
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
        self.head.read(&self.buffer[self.start..], &self.limits)
    }
}

/// Returns the limits that positions in a frame allow.
fn within_positions(limits: Limits) -> Limits {
    Limits {
        header_bytes: limits.header_bytes.min(GIB),
        body_bytes: limits.body_bytes.min(GIB),
        ..limits
    }
}
