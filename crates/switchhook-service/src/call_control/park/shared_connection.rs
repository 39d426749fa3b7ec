//! One parked call's share of the connection that all parked calls of a switch use.

use std::future::{pending, ready};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::call_control::call_connection::{CallConnection, SwitchMessage};
use crate::call_control::recording_session;
use crate::call_control::unpark::ParkExit;
use crate::event_headers::EventHeaders;
use crate::recorder::CallRecording;
use eslclient::{Client, Command, Error, Event, Refusal, Reply};

impl ParkExit {
    /// Returns the exit that an event reports.
    pub(super) fn from_event(event: &Event) -> Option<Self> {
        match &*event.name() {
            "CHANNEL_HANGUP" => Some(Self::HungUp),
            "CHANNEL_UNPARK" => Some(Self::of_unpark(&EventHeaders(event))),
            _ => None,
        }
    }

    const fn event_name(&self) -> &'static str {
        match self {
            Self::HungUp => "CHANNEL_HANGUP",
            Self::MovedOn(_) => "CHANNEL_UNPARK",
        }
    }
}

/// Sends and receives for one call over the shared connection.
pub(crate) struct SharedConnection {
    client: Client,
    pending: Vec<Command>,
    /// The batch that was sent and is not answered yet. Further commands wait for it, so that none
    /// overtakes; the replies take milliseconds.
    in_flight: Option<BoxFuture<'static, Result<Vec<Reply>, Error>>>,
    refusals: Vec<String>,
    /// Whether every command is answered and [`SwitchMessage::AllAnswered`] is still due.
    answered: bool,
    /// `None` once the exit is known.
    exit: Option<oneshot::Receiver<ParkExit>>,
    /// An exit that is known, recorded, and not reported yet.
    unreported: Option<ParkExit>,
    /// The recording, if the call is recorded.
    recording: Option<CallRecording>,
}

impl SharedConnection {
    pub(super) fn new(
        client: Client,
        exit: oneshot::Receiver<ParkExit>,
        recording: Option<CallRecording>,
    ) -> Self {
        Self {
            client,
            pending: Vec::new(),
            in_flight: None,
            refusals: Vec::new(),
            answered: false,
            exit: Some(exit),
            unreported: None,
            recording,
        }
    }

    fn record_exit(&self, exit: Option<&ParkExit>) {
        match (&self.recording, exit) {
            (None, _) => {}
            (Some(recording), None) => recording.closed(),
            (Some(recording), Some(how)) => {
                recording_session::record_exit(recording, how.event_name())
            }
        }
    }

    fn send_pending(&mut self) {
        if self.in_flight.is_none() && !self.pending.is_empty() {
            let (client, commands) = (self.client.clone(), std::mem::take(&mut self.pending));
            recording_session::record_commands(self.recording.as_ref(), &commands);
            let mut batch = async move { client.send_batch(commands).await }.boxed();
            // Polled at once, the commands go out even if the call's exit is reported next.
            self.in_flight = Some(match (&mut batch).now_or_never() {
                Some(replies) => ready(replies).boxed(),
                None => batch,
            });
        }
    }

    /// Records an exit that came before a reply, so that a replay has both in the same order.
    fn note_exit(&mut self) {
        let exit = self.exit.as_mut().and_then(|exit| exit.try_recv().ok());
        if let Some(exit) = exit {
            self.exit = None;
            self.record_exit(Some(&exit));
            self.unreported = Some(exit);
        }
    }

    fn handle_replies(&mut self, replies: &[Reply]) {
        recording_session::record_replies(self.recording.as_ref(), replies);
        let refusals = replies.iter().rev().filter_map(|reply| reply.refusal());
        self.refusals.extend(refusals.map(Refusal::into_text));
        self.answered = self.pending.is_empty();
    }
}

impl CallConnection for SharedConnection {
    fn queue(&mut self, command: Command) {
        self.pending.push(command);
        // Earlier replies do not answer this command.
        self.answered = false;
    }

    async fn ask(&mut self, command: Command) -> Result<Reply, Error> {
        if let Some(in_flight) = &mut self.in_flight {
            let replies = in_flight.await;
            self.in_flight = None;
            self.handle_replies(&replies?);
        }
        let mut commands = std::mem::take(&mut self.pending);
        commands.push(command);
        recording_session::record_commands(self.recording.as_ref(), &commands);
        let mut replies = self.client.send_batch(commands).await?;
        self.note_exit();
        recording_session::record_replies(self.recording.as_ref(), &replies);
        replies.pop().ok_or_else(connection_ended)
    }

    fn take_exit(&mut self) -> Option<ParkExit> {
        self.unreported.take()
    }

    async fn next(&mut self) -> Result<SwitchMessage, Error> {
        loop {
            if let Some(refusal) = self.refusals.pop() {
                return Ok(SwitchMessage::CommandRefused(refusal));
            }
            if std::mem::take(&mut self.answered) {
                return Ok(SwitchMessage::AllAnswered);
            }
            self.send_pending();
            if let Some(exit) = self.unreported.take() {
                return Ok(exit.into());
            }
            tokio::select! {
                biased;
                exit = exited(&mut self.exit) => {
                    self.exit = None;
                    self.record_exit(exit.as_ref().ok());
                    // Nobody sends an exit after the connection has ended.
                    return exit.map(SwitchMessage::from).map_err(|_| connection_ended());
                }
                replies = batch_replies(&mut self.in_flight) => {
                    self.in_flight = None;
                    self.handle_replies(&replies?);
                }
            }
        }
    }
}

async fn exited(
    exit: &mut Option<oneshot::Receiver<ParkExit>>,
) -> Result<ParkExit, oneshot::error::RecvError> {
    match exit {
        Some(exit) => exit.await,
        None => pending().await,
    }
}

async fn batch_replies(
    in_flight: &mut Option<BoxFuture<'static, Result<Vec<Reply>, Error>>>,
) -> Result<Vec<Reply>, Error> {
    match in_flight {
        Some(in_flight) => in_flight.await,
        None => pending().await,
    }
}

/// The error of a call whose connection ended; the listener reports why.
fn connection_ended() -> Error {
    Error::Closed { unanswered: 0 }
}
