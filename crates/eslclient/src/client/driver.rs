//! The task that drives a shared connection.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::end::End;
use super::lag::Lag;
use super::request::Request;
use crate::codec::Event;
use crate::connection::Connection;
use crate::error::Error;
use crate::incoming::{Incoming, Notice};
use crate::reply::Reply;

/// The unwritten bytes above which the driver accepts no more commands.
const UNWRITTEN: usize = 64 * 1024;

/// The events that the driver reads ahead of a slow receiver while a reply is outstanding.
///
/// A receiver that sends a command itself would otherwise never get its reply.
const READ_AHEAD: usize = 4096;

pub(super) struct Driver<S> {
    connection: Connection<S>,
    /// `None` after every handle was dropped.
    requests: Option<mpsc::Receiver<Request>>,
    /// The batches without all their replies, in the order of the commands.
    batches: VecDeque<Batch>,
    /// `None` after the receiver of events was dropped.
    events: Option<mpsc::Sender<Event>>,
    /// Events for which the receiver has no room.
    backlog: VecDeque<Event>,
    lag: Arc<Lag>,
    end: Arc<End>,
    /// Whether the switch said goodbye.
    goodbye: bool,
    /// The switch's text if its ACL refuses the client.
    rejection: Option<String>,
}

/// Commands that went out in one write.
struct Batch {
    sender: oneshot::Sender<Vec<Reply>>,
    replies: Vec<Reply>,
    outstanding: usize,
}

enum Step {
    /// A request, or `None` after the last handle was dropped.
    Request(Option<Request>),
    Incoming(Result<Incoming, Error>),
    /// The receiver of events has room again.
    Room,
    /// The receiver of events was dropped.
    ReceiverDropped,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(
        connection: Connection<S>,
        requests: mpsc::Receiver<Request>,
        events: mpsc::Sender<Event>,
        (lag, end): (Arc<Lag>, Arc<End>),
    ) -> Self {
        Self {
            connection,
            requests: Some(requests),
            batches: VecDeque::new(),
            events: Some(events),
            backlog: VecDeque::new(),
            lag,
            end,
            goodbye: false,
            rejection: None,
        }
    }

    /// Runs until the connection ends, or until all handles and the receiver are dropped.
    pub(super) async fn run(mut self) {
        while self.requests.is_some() || self.events.is_some() {
            match self.step().await {
                Step::Request(Some(request)) => self.queue(request),
                Step::Request(None) => self.requests = None,
                Step::Incoming(Ok(incoming)) => self.dispatch(incoming),
                Step::Incoming(Err(error)) => return self.finish(error).await,
                Step::Room => self.deliver(),
                Step::ReceiverDropped => self.drop_events(),
            }
        }
    }

    async fn step(&mut self) -> Step {
        let reading = self.may_read();
        self.lag.record(self.backlog.len(), reading);
        let connection = &mut self.connection;
        let accepts_requests = connection.unwritten() < UNWRITTEN;
        let blocked = !self.backlog.is_empty();
        let wire = poll_fn(|cx| {
            if reading {
                return connection.poll_next(cx);
            }
            // A failed write is reported when the socket is read to its end.
            let _ = connection.poll_flush(cx);
            Poll::Pending
        });
        tokio::select! {
            request = receive(self.requests.as_mut()), if accepts_requests => Step::Request(request),
            incoming = wire => Step::Incoming(incoming),
            step = room(self.events.as_ref(), blocked) => step,
        }
    }

    /// Returns whether to read more: all events are delivered, or a reply is outstanding and
    /// the backlog has room.
    fn may_read(&self) -> bool {
        self.backlog.is_empty() || (!self.batches.is_empty() && self.backlog.len() < READ_AHEAD)
    }

    /// Queues a request and those that wait behind it, so that they go out in one write.
    fn queue(&mut self, request: Request) {
        let mut next = Some(request);
        while let Some(Request { commands, replies }) = next {
            for command in &commands {
                self.connection.queue(command);
            }
            self.batches.push_back(Batch {
                sender: replies,
                replies: Vec::with_capacity(commands.len()),
                outstanding: commands.len(),
            });
            let full = self.connection.unwritten() >= UNWRITTEN;
            next = match &mut self.requests {
                Some(requests) if !full => requests.try_recv().ok(),
                Some(_) | None => None,
            };
        }
    }

    fn dispatch(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Reply(_, reply) => self.add_reply(reply),
            Incoming::Event(event) => {
                self.backlog.push_back(event);
                self.deliver();
            }
            // The end of the connection follows.
            Incoming::Notice(Notice::Disconnected { .. }) => self.goodbye = true,
            Incoming::Rejection(text) => self.rejection = Some(text),
            Incoming::Notice(Notice::Linger { .. })
            | Incoming::AuthRequest
            | Incoming::Other(_) => {}
        }
    }

    /// Adds a reply to its batch. The last reply completes the batch.
    fn add_reply(&mut self, reply: Reply) {
        let Some(first) = self.batches.front_mut() else {
            return;
        };
        first.replies.push(reply);
        first.outstanding -= 1;
        if first.outstanding == 0
            && let Some(batch) = self.batches.pop_front()
        {
            // The caller may have dropped its future.
            let _ = batch.sender.send(batch.replies);
        }
    }

    /// Passes events to the receiver as long as it has room.
    fn deliver(&mut self) {
        let Some(events) = &self.events else {
            self.backlog.clear();
            return;
        };
        while let Some(event) = self.backlog.pop_front() {
            match events.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.backlog.push_front(event);
                    return;
                }
                Err(TrySendError::Closed(_)) => return self.drop_events(),
            }
        }
    }

    fn drop_events(&mut self) {
        self.events = None;
        self.backlog = VecDeque::new();
    }

    /// Ends all outstanding commands at once, and the events after the last one.
    async fn finish(self, error: Error) {
        self.end.set(match (error, self.rejection) {
            (_, Some(text)) => Error::Denied { text },
            (Error::Closed { unanswered }, None) if self.goodbye => Error::Goodbye { unanswered },
            (error, None) => error,
        });
        drop(self.batches);
        drop(self.requests);
        let Some(events) = self.events else { return };
        for event in self.backlog {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

async fn receive(requests: Option<&mut mpsc::Receiver<Request>>) -> Option<Request> {
    match requests {
        Some(requests) => requests.recv().await,
        None => pending().await,
    }
}

/// Waits until the receiver has room for a blocked event, or until it is dropped.
async fn room(events: Option<&mpsc::Sender<Event>>, blocked: bool) -> Step {
    match events {
        Some(events) if blocked => match events.reserve().await {
            Ok(_room) => Step::Room,
            Err(_dropped) => Step::ReceiverDropped,
        },
        Some(events) => {
            events.closed().await;
            Step::ReceiverDropped
        }
        None => pending().await,
    }
}
