//! The task that owns the connection.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::{Lag, Request};
use crate::codec::Event;
use crate::connection::{Connection, Error, Incoming, Reply};

/// Bytes that may wait for the switch before more commands are taken.
const UNWRITTEN: usize = 64 * 1024;

/// Events read ahead of a slow receiver while a reply is awaited, so that a
/// receiver that itself awaits a command still gets its reply.
const READ_AHEAD: usize = 4096;

pub(super) struct Driver<S> {
    connection: Connection<S>,
    /// `None` once every handle is gone.
    requests: Option<mpsc::Receiver<Request>>,
    /// Who waits for the replies, in the order of the commands.
    answers: VecDeque<Answer>,
    /// `None` once nobody takes events.
    events: Option<mpsc::Sender<Result<Event, Error>>>,
    /// Events that the receiver had no room for.
    backlog: VecDeque<Event>,
    lag: Arc<Lag>,
}

/// Who waits for the replies to commands that went out together.
struct Answer {
    waits: oneshot::Sender<Vec<Reply>>,
    replies: Vec<Reply>,
    outstanding: usize,
}

enum Step {
    /// A handle asks for something, or the last one is gone.
    Request(Option<Request>),
    Incoming(Result<Incoming, Error>),
    /// The receiver has room again.
    Room,
    /// The receiver is gone.
    Unheard,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(
        connection: Connection<S>,
        requests: mpsc::Receiver<Request>,
        events: mpsc::Sender<Result<Event, Error>>,
        lag: Arc<Lag>,
    ) -> Self {
        Self {
            connection,
            requests: Some(requests),
            answers: VecDeque::new(),
            events: Some(events),
            backlog: VecDeque::new(),
            lag,
        }
    }

    /// Runs until the connection ends or nobody is left who could use it.
    pub(super) async fn run(mut self) {
        while self.requests.is_some() || self.events.is_some() {
            match self.step().await {
                Step::Request(Some(request)) => self.queue(request),
                Step::Request(None) => self.requests = None,
                Step::Incoming(Ok(incoming)) => self.sort(incoming),
                Step::Incoming(Err(end)) => return self.finish(end).await,
                Step::Room => self.deliver(),
                Step::Unheard => self.unheard(),
            }
        }
    }

    async fn step(&mut self) -> Step {
        let reading = self.may_read();
        self.lag.note(self.backlog.len(), reading);
        let connection = &mut self.connection;
        let taking = connection.unwritten() < UNWRITTEN;
        let blocked = !self.backlog.is_empty();
        let wire = poll_fn(|cx| {
            if reading {
                return connection.poll_next(cx);
            }
            // How it failed is told when the socket is read to its end.
            let _ = connection.poll_flush(cx);
            Poll::Pending
        });
        tokio::select! {
            request = receive(self.requests.as_mut()), if taking => Step::Request(request),
            incoming = wire => Step::Incoming(incoming),
            step = room(self.events.as_ref(), blocked) => step,
        }
    }

    /// Whether more may be read: all events are delivered, or a reply is awaited and some room is left.
    fn may_read(&self) -> bool {
        self.backlog.is_empty() || (!self.answers.is_empty() && self.backlog.len() < READ_AHEAD)
    }

    /// Queues a command and those that wait behind it, so that they go out in one write.
    fn queue(&mut self, request: Request) {
        let mut next = Some(request);
        while let Some(Request { commands, answer }) = next {
            for command in &commands {
                self.connection.queue(command);
            }
            self.answers.push_back(Answer {
                waits: answer,
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

    fn sort(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Reply(_, reply) => self.answer(reply),
            Incoming::Event(event) => {
                self.backlog.push_back(event);
                self.deliver();
            }
            // The end of the connection follows a notice and says the same.
            Incoming::Notice(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_) => {}
        }
    }

    /// Notes a reply; whoever asked gets all of its replies with the last.
    fn answer(&mut self, reply: Reply) {
        let Some(first) = self.answers.front_mut() else {
            return;
        };
        first.replies.push(reply);
        first.outstanding -= 1;
        if first.outstanding == 0
            && let Some(answer) = self.answers.pop_front()
        {
            // Whoever asked may have stopped waiting.
            let _ = answer.waits.send(answer.replies);
        }
    }

    /// Gives the receiver as many events as it has room for.
    fn deliver(&mut self) {
        let Some(events) = &self.events else {
            self.backlog.clear();
            return;
        };
        while let Some(event) = self.backlog.pop_front() {
            match events.try_send(Ok(event)) {
                Ok(()) => {}
                Err(TrySendError::Full(Ok(event))) => {
                    self.backlog.push_front(event);
                    return;
                }
                Err(TrySendError::Full(Err(_)) | TrySendError::Closed(_)) => {
                    return self.unheard();
                }
            }
        }
    }

    fn unheard(&mut self) {
        self.events = None;
        self.backlog = VecDeque::new();
    }

    /// Tells the callers at once, the receiver after its last event.
    async fn finish(self, end: Error) {
        drop(self.answers);
        drop(self.requests);
        let Some(events) = self.events else { return };
        for event in self.backlog {
            if events.send(Ok(event)).await.is_err() {
                return;
            }
        }
        // A receiver that is gone needs no reason.
        let _ = events.send(Err(end)).await;
    }
}

async fn receive(requests: Option<&mut mpsc::Receiver<Request>>) -> Option<Request> {
    match requests {
        Some(requests) => requests.recv().await,
        None => pending().await,
    }
}

/// Waits until the receiver has room for a blocked event, or is gone.
async fn room(events: Option<&mpsc::Sender<Result<Event, Error>>>, blocked: bool) -> Step {
    match events {
        Some(events) if blocked => match events.reserve().await {
            Ok(_room) => Step::Room,
            Err(_gone) => Step::Unheard,
        },
        Some(events) => {
            events.closed().await;
            Step::Unheard
        }
        None => pending().await,
    }
}
