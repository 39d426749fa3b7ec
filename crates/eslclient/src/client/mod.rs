//! One connection that many callers share.

mod driver;
mod end;
mod lag;
mod request;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use crate::codec::Event;
use crate::command::Command;
use crate::connection::Connection;
use crate::error::Error;
use crate::reply::Reply;
use driver::Driver;
use end::End;
use lag::Lag;
use request::Request;

/// The requests that wait for the driver. A caller beyond them waits for room.
const REQUESTS: usize = 256;

/// A handle to a connection that a task drives. Clones share the connection.
///
/// The connection ends when every handle and the [`Events`] are dropped.
#[derive(Debug, Clone)]
pub struct Client {
    requests: mpsc::Sender<Request>,
    end: Arc<End>,
    lag: Arc<Lag>,
}

/// The events of a connection, complete and in order.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
    end: Arc<End>,
    lag: Arc<Lag>,
}

impl Client {
    /// Starts a task that drives the connection. Call it inside a tokio runtime.
    ///
    /// `capacity` is the number of events that may wait for the receiver. When they do, the
    /// task stops reading the socket, and the switch queues further events. FreeSWITCH keeps
    /// 100,000 for each connection and closes a connection that lost more than 500
    /// (`mod_event_socket.c`).
    pub fn start<S>(connection: Connection<S>, capacity: usize) -> (Self, Events)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, incoming) = mpsc::channel(REQUESTS);
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let (lag, end) = (Arc::new(Lag::new()), Arc::new(End::default()));
        let shared = (Arc::clone(&lag), Arc::clone(&end));
        tokio::spawn(Driver::new(connection, incoming, sender, shared).run());
        let client = Self {
            requests,
            end: Arc::clone(&end),
            lag: Arc::clone(&lag),
        };
        (client, Events { receiver, end, lag })
    }

    /// Sends a command and waits for its reply.
    ///
    /// Dropping the future does not disturb other callers. The switch may still run the
    /// command.
    ///
    /// # Errors
    /// Returns [`Error::Lost`] if the connection ended before the reply arrived. A refusal is a
    /// [`Reply`]; [`Reply::result`] makes it an error.
    pub async fn command(&self, command: Command) -> Result<Reply, Error> {
        let replies = self.send_batch(vec![command]).await?;
        replies.into_iter().next().ok_or_else(|| self.end.lost())
    }

    /// Runs an API command and returns its output without the line end.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] if the output begins with `-ERR` or `-USAGE`,
    /// [`Error::Command`] if a line cannot carry the input, and the errors of
    /// [`Client::command`].
    pub async fn api(&self, name: &str, args: &str) -> Result<String, Error> {
        let reply = self.command(Command::api(name, args)?).await?;
        let result = reply.result();
        result.map_err(|refusal| refusal.of(format!("api {name}")).into())
    }

    /// Sends commands in one write and waits for their replies, in the same order.
    ///
    /// No command of another caller comes between them. Dropping the future does not disturb
    /// other callers. The switch may still run the commands.
    ///
    /// # Errors
    /// Returns [`Error::Lost`] if the connection ended before the last reply arrived.
    pub async fn send_batch(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Error> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (sender, replies) = oneshot::channel();
        let request = Request {
            commands,
            replies: sender,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| self.end.lost())?;
        replies.await.map_err(|_| self.end.lost())
    }

    /// Returns for how long the socket has not been read because the receiver is slow.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.lag.stalled()
    }
}

impl Events {
    /// Returns the next event. This method is cancel-safe.
    ///
    /// # Errors
    /// Returns why the connection ended, after every event that arrived before. Every later
    /// call returns the same.
    pub async fn next(&mut self) -> Result<Event, Error> {
        let event = self.receiver.recv().await;
        event.ok_or_else(|| self.end.cause().as_ref().clone())
    }

    /// Returns the number of events that were read from the socket and not yet taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.receiver.len() + self.lag.backlog()
    }
}
