//! One connection for many callers.

mod driver;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::codec::Event;
use super::command::Command;
use super::connection::{Connection, Error, Reply};
use driver::Driver;

/// Commands that wait for the driver; a caller beyond them waits.
const COMMANDS: usize = 256;

/// The connection is over: no command is answered any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the switch is over: connect again")]
pub struct Disconnected;

/// A handle on a connection that a task of its own drives. Clones share it.
///
/// The connection ends when every handle and the [`Events`] are dropped.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Request>,
    lag: Arc<Lag>,
}

/// The events of a connection, every one in order.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Result<Event, Error>>,
    lag: Arc<Lag>,
}

#[derive(Debug)]
struct Request {
    commands: Vec<Command>,
    answer: oneshot::Sender<Vec<Reply>>,
}

/// How far the receiver of events is behind.
#[derive(Debug)]
struct Lag {
    start: Instant,
    /// Events read from the socket and not yet in the receiver's channel.
    backlog: AtomicUsize,
    /// Microseconds after `start` since when the socket is not read; 0 when it is.
    stalled: AtomicU64,
}

impl Lag {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            backlog: AtomicUsize::new(0),
            stalled: AtomicU64::new(0),
        }
    }

    fn note(&self, backlog: usize, reading: bool) {
        self.backlog.store(backlog, Ordering::Relaxed);
        if reading {
            self.stalled.store(0, Ordering::Relaxed);
        } else if self.stalled.load(Ordering::Relaxed) == 0 {
            let now = self.start.elapsed().as_micros();
            let now = u64::try_from(now).unwrap_or(u64::MAX).max(1);
            self.stalled.store(now, Ordering::Relaxed);
        }
    }

    fn stalled(&self) -> Duration {
        match self.stalled.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => {
                let now = self.start.elapsed();
                now.saturating_sub(Duration::from_micros(since))
            }
        }
    }
}

impl Client {
    /// Hands the connection to a task. When `events` of them wait for the
    /// receiver, the socket is not read: none is dropped, the switch queues them.
    ///
    /// Needs a tokio runtime.
    pub fn start<S>(connection: Connection<S>, events: usize) -> (Self, Events)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (commands, requests) = mpsc::channel(COMMANDS);
        let (sender, receiver) = mpsc::channel(events.max(1));
        let lag = Arc::new(Lag::new());
        tokio::spawn(Driver::new(connection, requests, sender, Arc::clone(&lag)).run());
        let client = Self {
            commands,
            lag: Arc::clone(&lag),
        };
        (client, Events { receiver, lag })
    }

    /// Sends a command and waits for its reply. Whoever stops waiting disturbs
    /// nobody: the command may still be carried out.
    ///
    /// # Errors
    /// [`Disconnected`] when the connection ended before the reply came.
    pub async fn command(&self, command: Command) -> Result<Reply, Disconnected> {
        let replies = self.send_batch(vec![command]).await?;
        replies.into_iter().next().ok_or(Disconnected)
    }

    /// Sends commands in one write, none of another caller between them, and waits for
    /// their replies, which come in the same order. Whoever stops waiting disturbs nobody.
    ///
    /// # Errors
    /// [`Disconnected`] when the connection ended before the last reply came.
    pub async fn send_batch(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Disconnected> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, replies) = oneshot::channel();
        let request = Request { commands, answer };
        self.commands
            .send(request)
            .await
            .map_err(|_| Disconnected)?;
        replies.await.map_err(|_| Disconnected)
    }

    /// For how long the socket has not been read because the receiver of events is slow.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.lag.stalled()
    }
}

impl Events {
    /// The next event. After the error that ended the connection there is
    /// nothing more: [`Error::Closed`] again.
    ///
    /// # Errors
    /// Why the connection is over, once every event before was given.
    pub async fn next(&mut self) -> Result<Event, Error> {
        self.receiver
            .recv()
            .await
            .unwrap_or(Err(Error::Closed { unanswered: 0 }))
    }

    /// Events that were read from the socket and not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.receiver.len() + self.lag.backlog.load(Ordering::Relaxed)
    }
}
