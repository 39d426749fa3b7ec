//! A connection to the switch: commands go out without waiting for replies,
//! replies come back in order, events in between.

mod error;
mod incoming;
mod open;

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use error::Error;
pub use incoming::{Incoming, Notice, Reply, Ticket};
pub use open::{authenticate, open_inbound, open_outbound};

use super::codec::{ContentType, Decoder, Event, Frame, Limits};
use super::command::Command;

/// Bytes read from the socket at a time, onto the stack: a connection that
/// waits holds no buffer.
const READ: usize = 8 * 1024;

/// Room for what is queued, bytes: for most of what is written at once.
const WRITE: usize = 1024;

/// An Event Socket connection.
///
/// All of it is safe to cancel: a dropped future loses no byte, in neither
/// direction, and never makes a later reply somebody else's.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    decoder: Decoder,
    out: Vec<u8>,
    /// How much of `out` has been written.
    written: usize,
    queued: u64,
    answered: u64,
    /// Something was written that the stream may still hold back.
    unflushed: bool,
    /// Why nothing can be written any more; what the switch sent before is still read.
    broken: Option<Box<std::io::Error>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection over a stream on which nothing was said yet.
    ///
    /// [`open_outbound`] and [`open_inbound`] also do what is said first.
    pub fn new(stream: S, limits: Limits) -> Self {
        Self {
            stream,
            decoder: Decoder::new(limits),
            out: Vec::new(),
            written: 0,
            queued: 0,
            answered: 0,
            unflushed: false,
            broken: None,
        }
    }

    /// Queues a command. It goes out with the next [`Connection::flush`] or
    /// [`Connection::next`], together with all that was queued before.
    pub fn queue(&mut self, command: &Command) -> Ticket {
        if self.out.is_empty() {
            self.out.reserve(WRITE);
        }
        command.encode(&mut self.out);
        let ticket = Ticket(self.queued);
        self.queued += 1;
        ticket
    }

    /// Writes what is queued, in one write if the stream takes it.
    ///
    /// # Errors
    /// [`Error::Io`] when the connection is broken.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// The next thing that the switch says; writes what is queued meanwhile.
    ///
    /// # Errors
    /// [`Error::Closed`] at the end of the stream, [`Error::Cut`] when that is
    /// inside a frame, [`Error::Decode`] and [`Error::UnexpectedReply`] when the
    /// peer does not speak Event Socket, [`Error::Io`]. All of them are final.
    pub async fn next(&mut self) -> Result<Incoming, Error> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Connection::flush`] for a caller that polls.
    ///
    /// # Errors
    /// As [`Connection::flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_write(cx));
        Poll::Ready(match &self.broken {
            Some(fault) => Err(Error::from_io(fault)),
            None => Ok(()),
        })
    }

    /// [`Connection::next`] for a caller that polls.
    ///
    /// # Errors
    /// As [`Connection::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Error>> {
        // A write that does not go through must not keep us from reading: the
        // switch may be waiting for that.
        let _ = self.poll_write(cx);
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Poll::Ready(self.sort(frame));
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) => return Poll::Ready(Err(self.ended())),
                Ok(_) => {}
                Err(fault) => return Poll::Ready(Err(fault.into())),
            }
        }
    }

    /// Commands whose reply has not come yet.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.queued - self.answered
    }

    /// Bytes that are queued and not written yet.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    /// Bytes of memory that the buffers occupy; none while the connection waits.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.out.capacity() + self.decoder.memory()
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Writes all of `out`, or notes why that is over for good.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.broken.is_some() {
            return Poll::Ready(());
        }
        if let Err(fault) = ready!(self.poll_write_out(cx)) {
            self.broken = Some(Box::new(fault));
            self.out = Vec::new();
            self.written = 0;
        }
        Poll::Ready(())
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
            self.unflushed = true;
        }
        if self.written > 0 {
            self.out = Vec::new();
            self.written = 0;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; READ];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        self.decoder.feed(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    fn sort(&mut self, frame: Frame) -> Result<Incoming, Error> {
        Ok(match frame.content_type() {
            ContentType::CommandReply | ContentType::ApiResponse => {
                Incoming::Reply(self.next_ticket()?, Reply::new(frame))
            }
            ContentType::EventPlain | ContentType::EventJson => Incoming::Event(self.event(frame)?),
            ContentType::DisconnectNotice => Incoming::Notice(Notice::of(&frame)),
            ContentType::RudeRejection => {
                Incoming::Rejection(frame.body_text().trim_end().to_owned())
            }
            ContentType::AuthRequest => Incoming::AuthRequest,
            ContentType::EventXml | ContentType::LogData | ContentType::Other => {
                Incoming::Other(frame)
            }
        })
    }

    fn event(&self, frame: Frame) -> Result<Event, Error> {
        Ok(frame.into_event(self.decoder.limits())?)
    }

    fn next_ticket(&mut self) -> Result<Ticket, Error> {
        if self.outstanding() == 0 {
            return Err(Error::UnexpectedReply);
        }
        let ticket = Ticket(self.answered);
        self.answered += 1;
        Ok(ticket)
    }

    fn ended(&self) -> Error {
        match (&self.broken, self.decoder.pending()) {
            (Some(fault), _) => Error::from_io(fault),
            (None, 0) => Error::Closed {
                unanswered: self.outstanding(),
            },
            (None, bytes) => Error::Cut { bytes },
        }
    }
}
