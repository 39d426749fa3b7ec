//! The task that drives a shared connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::batches::Batches;
use super::clock::{Alarm, Clock};
use super::options::{ClientOptions, WhenFull};
use super::outlet::Outlet;
use super::request::Request;
use super::routes::{Route, Routes};
use super::shared::Shared;
use crate::codec::Event;
use crate::command::Command;
use crate::connection::Connection;
use crate::error::Error;
use crate::incoming::{Incoming, Notice};
use crate::reply::Reply;

/// The unwritten bytes above which the driver accepts no more commands.
const UNWRITTEN: usize = 64 * 1024;

/// The events, and their bytes, that the driver reads ahead of a slow reader while something
/// waits for the switch.
///
/// A reader that sends a command itself would otherwise never get its reply.
const READ_AHEAD: usize = 4096;
const READ_AHEAD_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct Driver<S> {
    connection: Connection<S>,
    /// `None` after every handle was dropped.
    requests: Option<mpsc::Receiver<Request>>,
    batches: Batches,
    /// `None` after the reader was dropped.
    events: Option<Arc<Outlet>>,
    routes: Routes,
    /// The queues that were full when an event was added.
    full: Vec<Arc<Outlet>>,
    when_full: WhenFull,
    clock: Clock,
    shared: Arc<Shared>,
    /// Whether the switch said goodbye.
    goodbye: bool,
    /// The switch's text if its ACL refuses the client.
    rejection: Option<String>,
}

enum Step {
    /// A request, or `None` after the last handle was dropped.
    Request(Option<Request>),
    Incoming(Result<Incoming, Error>),
    Alarm(Alarm),
    /// Nothing is left to do.
    Done,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(
        connection: Connection<S>,
        requests: mpsc::Receiver<Request>,
        events: Arc<Outlet>,
        shared: Arc<Shared>,
        options: &ClientOptions,
    ) -> Self {
        Self {
            connection,
            requests: Some(requests),
            batches: Batches::default(),
            events: Some(events),
            routes: Routes::new(),
            full: Vec::new(),
            when_full: options.when_full,
            clock: Clock::new(options.keep_alive, options.patience),
            shared,
            goodbye: false,
            rejection: None,
        }
    }

    /// Runs until the connection ends, or until all handles and readers are dropped.
    pub(super) async fn run(mut self) {
        loop {
            match poll_fn(|cx| self.poll_step(cx)).await {
                Step::Request(Some(request)) => self.queue(request),
                Step::Request(None) => self.requests = None,
                Step::Incoming(Ok(incoming)) => self.dispatch(incoming),
                Step::Incoming(Err(error)) => return self.finish(error),
                Step::Alarm(Alarm::Silent(within)) => {
                    return self.finish(Error::Silent { within });
                }
                Step::Alarm(Alarm::Question) => self.question(),
                Step::Alarm(Alarm::Blocked) => self.fail_blocked(),
                Step::Done => return self.finish(Error::Closed { unanswered: 0 }),
            }
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.connection.unwritten() < UNWRITTEN
            && let Some(requests) = &mut self.requests
            && let Poll::Ready(request) = requests.poll_recv(cx)
        {
            return Poll::Ready(Step::Request(request));
        }
        self.shared.register(cx);
        if self
            .events
            .as_ref()
            .is_some_and(|events| events.is_abandoned())
        {
            self.events = None;
        }
        if self.requests.is_none() && self.events.is_none() {
            return Poll::Ready(Step::Done);
        }
        let mut reading = self.may_read();
        self.shared.record(reading);
        // A reader may have taken an event before it saw that reading is paused.
        if !reading && self.may_read() {
            reading = true;
            self.shared.record(true);
        }
        if reading {
            if let Poll::Ready(incoming) = self.connection.poll_next(cx) {
                self.clock.heard();
                return Poll::Ready(Step::Incoming(incoming));
            }
        } else {
            // A failed write is reported when the socket is read to its end.
            let _ = self.connection.poll_flush(cx);
        }
        let blocked = !reading && self.something_waits();
        self.clock.poll(cx, reading, blocked).map(Step::Alarm)
    }

    fn something_waits(&self) -> bool {
        self.batches.has_waiters() || self.routes.has_waiters()
    }

    /// Returns whether to read more: no queue is full, or something waits for the switch and the
    /// queue has room beyond its capacity.
    fn may_read(&mut self) -> bool {
        if self.full.is_empty() {
            return true;
        }
        self.full
            .retain(|outlet| outlet.is_full() && !outlet.is_abandoned());
        let ahead = self.something_waits() || self.routes.has_channels();
        self.full
            .iter()
            .all(|outlet| ahead && !outlet.is_beyond(READ_AHEAD, READ_AHEAD_BYTES))
    }

    /// Queues a request and those that wait behind it, so that they go out in one write.
    fn queue(&mut self, request: Request) {
        let mut next = Some(request);
        while let Some(request) = next {
            self.queue_one(request);
            let full = self.connection.unwritten() >= UNWRITTEN;
            next = match &mut self.requests {
                Some(requests) if !full => requests.try_recv().ok(),
                Some(_) | None => None,
            };
        }
    }

    fn queue_one(&mut self, request: Request) {
        let Request {
            commands,
            replies,
            wait,
        } = request;
        if let Some(wait) = wait {
            match self.routes.add(*wait) {
                Ok(first) => self.queue_own(first, true),
                Err(error) => return drop(replies.send(Err(error))),
            }
        }
        if commands.is_empty() {
            return drop(replies.send(Ok(Vec::new())));
        }
        for command in &commands {
            self.connection.queue(command);
            self.routes.note(command.effect());
        }
        self.batches.add(commands.len(), replies);
    }

    /// Queues commands of the client itself. Nobody waits for their replies.
    fn queue_own(&mut self, commands: impl IntoIterator<Item = Command>, needed: bool) {
        for command in commands {
            self.connection.queue(&command);
            self.batches.add_own(needed);
        }
    }

    /// Asks a silent switch for a sign of life. A refusal is one too.
    fn question(&mut self) {
        self.queue_own(Command::api("switchname", ""), false);
    }

    fn dispatch(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Reply(_, reply) => self.add_reply(reply),
            Incoming::Event(event) if self.routes.is_empty() => self.deliver(event),
            Incoming::Event(event) => self.route(event),
            Incoming::Notice(notice) => {
                // The end of the connection follows.
                self.goodbye |= matches!(notice, Notice::Disconnected { .. });
                // On an outbound socket the call has ended.
                if let Some(session) = notice.session() {
                    self.routes.end_session(session);
                }
            }
            Incoming::Rejection(text) => self.rejection = Some(text),
            Incoming::AuthRequest | Incoming::Other(_) => {}
        }
    }

    fn route(&mut self, event: Event) {
        let (route, command) = self.routes.route(event);
        self.queue_own(command, false);
        match route {
            Route::Rest(event) => self.deliver(event),
            Route::Channel(outlet, event, is_last) => {
                self.add_event(&outlet, event);
                if is_last {
                    outlet.end();
                }
            }
            Route::Taken => {}
        }
    }

    fn add_reply(&mut self, reply: Reply) {
        if let Some(refusal) = self.batches.add_reply(reply) {
            let refusal = refusal.of("the events of jobs and applications");
            self.routes.fail(&Error::Refused(refusal));
        }
    }

    fn deliver(&mut self, event: Event) {
        if let Some(events) = &self.events {
            let events = Arc::clone(events);
            self.add_event(&events, event);
        }
    }

    fn add_event(&mut self, outlet: &Arc<Outlet>, event: Event) {
        if outlet.is_abandoned() {
            return;
        }
        if self.when_full == WhenFull::Lose && outlet.is_full() {
            return outlet.lose();
        }
        let is_full = outlet.push(event) && self.when_full == WhenFull::HoldBack;
        if is_full && !self.full.iter().any(|full| Arc::ptr_eq(full, outlet)) {
            self.full.push(Arc::clone(outlet));
        }
    }

    /// Fails all that waits behind events which the program does not read.
    fn fail_blocked(&mut self) {
        let waiting = self.full.iter().map(|outlet| outlet.len()).sum();
        let error = Error::EventsNotRead { waiting };
        self.batches.fail(&error);
        self.routes.fail(&error);
    }

    /// Ends all that waits.
    fn finish(mut self, error: Error) {
        self.shared.set_end(match (error, self.rejection.take()) {
            (_, Some(text)) => Error::Denied { text },
            (Error::Closed { unanswered }, None) if self.goodbye => match self.routes.cause() {
                // The switch closes the socket of a call that has ended.
                Some(cause) => Error::HungUp { cause: Some(cause) },
                None => Error::Goodbye { unanswered },
            },
            (error, None) => error,
        });
    }
}

/// However the task ends, nobody waits for ever.
impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared.set_end(Error::Closed { unanswered: 0 });
        let error = self.shared.lost();
        self.requests = None;
        self.batches.fail(&error);
        self.routes.fail(&error);
        self.routes.end_channels();
        if let Some(events) = &self.events {
            events.end();
        }
    }
}
