//! A connection to the switch.
//!
//! Commands go out without a wait for replies. Replies come back in order, with events between.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::codec::{ContentType, Decoder, Event, Frame, Limits, MemoryBudget};
use crate::command::Command;
use crate::error::Error;
use crate::incoming::{Incoming, Notice, Ticket};
use crate::reply::Reply;

/// The bytes read at a time. They go onto the stack, so that an idle connection holds no buffer.
/// Three events of a burst fit, and so does the reply to `connect`.
const READ: usize = 32 * 1024;

/// The first size of the buffer for commands, in bytes: enough for most batches.
const WRITE: usize = 2048;

/// An Event Socket connection, driven by the program itself.
///
/// [`Client`](crate::Client) is easier. This type serves a program that needs replies and events in
/// the order of the wire, reads only as fast as it works, or has so many connections that a task
/// for each is too much.
///
/// ```no_run
/// # async fn list() -> Result<(), eslclient::Error> {
/// use std::time::Duration;
///
/// use eslclient::{Command, EventName, Incoming, Limits, Subscription, open_inbound};
///
/// let limits = Limits::default();
/// let within = Duration::from_secs(5);
/// let mut connection = open_inbound("localhost", "ClueCon", limits, within).await?;
/// for command in Subscription::to([EventName::ChannelDestroy]).commands()? {
///     connection.queue(&command);
/// }
/// let listed = connection.queue(&Command::api("show", "channels as json")?);
/// loop {
///     match connection.next().await? {
///         // Channels that went before are not in the list.
///         Incoming::Reply(ticket, reply) if ticket == listed => println!("{}", reply.text()),
///         Incoming::Event(event) => println!("{:?} is gone", event.unique_id()),
///         _ => {}
///     }
/// }
/// # }
/// ```
///
/// Every method is cancel-safe. A dropped future loses no byte in either direction, and later
/// replies still match their commands.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    decoder: Decoder,
    out: Vec<u8>,
    /// The number of bytes of `out` that are written.
    written: usize,
    queued: u64,
    answered: u64,
    /// Whether the stream may still buffer written bytes.
    unflushed: bool,
    /// The error that ended writing. Frames that the switch sent before are still read.
    write_error: Option<Arc<std::io::Error>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Creates a connection over a fresh stream.
    ///
    /// [`open_outbound`](crate::open_outbound) and [`open_inbound`](crate::open_inbound) also
    /// perform the handshake.
    pub fn new(stream: S, limits: Limits) -> Self {
        Self {
            stream,
            decoder: Decoder::new(limits),
            out: Vec::new(),
            written: 0,
            queued: 0,
            answered: 0,
            unflushed: false,
            write_error: None,
        }
    }

    /// Counts the memory of unfinished frames against a budget that other connections share.
    pub fn limit_memory(&mut self, budget: &MemoryBudget) {
        self.decoder.limit_memory(budget);
    }

    /// Replaces the limits, for the next frame.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.decoder.set_limits(limits);
    }

    /// Queues a command.
    ///
    /// The next [`Connection::flush`] or [`Connection::next`] writes all queued commands at
    /// once.
    pub fn queue(&mut self, command: &Command) -> Ticket {
        if self.out.is_empty() {
            self.out.reserve(WRITE);
        }
        command.encode(&mut self.out);
        let ticket = Ticket(self.queued);
        self.queued += 1;
        ticket
    }

    /// Writes all queued commands, in one write if the stream accepts it.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if a write failed.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Returns the next frame from the switch. Writes queued commands meanwhile.
    ///
    /// # Errors
    /// Every error is final:
    ///
    /// * [`Error::Closed`] at the end of the stream, [`Error::Cut`] if that is inside a frame.
    /// * [`Error::Decode`] or [`Error::UnexpectedReply`] if the peer does not speak Event
    ///   Socket.
    /// * [`Error::Io`] if a read failed.
    pub async fn next(&mut self) -> Result<Incoming, Error> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls [`Connection::flush`].
    ///
    /// # Errors
    /// Returns the errors of [`Connection::flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_write(cx));
        Poll::Ready(match &self.write_error {
            Some(error) => Err(Error::Io(Arc::clone(error))),
            None => Ok(()),
        })
    }

    /// Polls [`Connection::next`].
    ///
    /// # Errors
    /// Returns the errors of [`Connection::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Error>> {
        // Reading goes on while a write is blocked: the switch may itself wait until its
        // replies are read.
        let _ = self.poll_write(cx);
        loop {
            if let Some(frame) = self.decoder.next_frame()? {
                return Poll::Ready(self.classify(frame));
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) => return Poll::Ready(Err(self.end_of_stream())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Returns the number of commands without a reply.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.queued - self.answered
    }

    /// Returns the number of queued bytes that are not written yet.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    /// Returns the size of the buffers in bytes; 0 while the connection is idle.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.out.capacity() + self.decoder.memory()
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Writes all of `out`, or records the error that ends writing.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.write_error.is_some() {
            return Poll::Ready(());
        }
        if let Err(error) = ready!(self.poll_write_out(cx)) {
            self.write_error = Some(Arc::new(error));
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

    fn classify(&mut self, frame: Frame) -> Result<Incoming, Error> {
        Ok(match frame.content_type() {
            ContentType::CommandReply | ContentType::ApiResponse => {
                Incoming::Reply(self.next_ticket()?, Reply::new(frame))
            }
            ContentType::EventPlain | ContentType::EventJson => {
                Incoming::Event(self.decode_event(frame)?)
            }
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

    fn decode_event(&self, frame: Frame) -> Result<Event, Error> {
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

    fn end_of_stream(&self) -> Error {
        match (&self.write_error, self.decoder.pending()) {
            (Some(error), _) => Error::Io(Arc::clone(error)),
            (None, 0) => Error::Closed {
                unanswered: self.outstanding(),
            },
            (None, bytes) => Error::Cut { bytes },
        }
    }
}
