//! One parked call's share of the connection.

use std::future::pending;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::call_control::recording_session;
use crate::call_control::wire::{SwitchMessage, Wire};
use crate::recorder::CallRecording;
use eslclient::{Client, Command, Error, Gone, Reply};

/// How a channel left its park.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Hung up.
    HungUp,
    /// Moved, by us or by anybody.
    MovedOn,
}

impl Departure {
    /// What an event of this name tells.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "CHANNEL_HANGUP" => Some(Self::HungUp),
            "CHANNEL_UNPARK" => Some(Self::MovedOn),
            _ => None,
        }
    }

    const fn event(self) -> &'static str {
        match self {
            Self::HungUp => "CHANNEL_HANGUP",
            Self::MovedOn => "CHANNEL_UNPARK",
        }
    }
}

/// Speaks for one call over the connection of all.
pub(crate) struct Shared {
    client: Client,
    pending: Vec<Command>,
    /// Sent together, and their replies not there yet. The next wait for them: they are
    /// there in no time, and nothing may overtake.
    flying: Option<BoxFuture<'static, Result<Vec<Reply>, Gone>>>,
    refusals: Vec<String>,
    /// Every reply is there, and it was not said yet.
    answered: bool,
    /// `None` once it was told.
    departure: Option<oneshot::Receiver<Departure>>,
    /// Of a call that is recorded.
    tape: Option<CallRecording>,
}

impl Shared {
    pub(super) fn new(
        client: Client,
        departure: oneshot::Receiver<Departure>,
        tape: Option<CallRecording>,
    ) -> Self {
        Self {
            client,
            pending: Vec::new(),
            flying: None,
            refusals: Vec::new(),
            answered: false,
            departure: Some(departure),
            tape,
        }
    }

    fn note(&self, departure: Option<Departure>) {
        match (&self.tape, departure) {
            (None, _) => {}
            (Some(tape), None) => tape.closed(),
            (Some(tape), Some(how)) => recording_session::left(tape, how.event()),
        }
    }

    fn take_off(&mut self) {
        if self.flying.is_none() && !self.pending.is_empty() {
            let (client, commands) = (self.client.clone(), std::mem::take(&mut self.pending));
            recording_session::said(self.tape.as_ref(), &commands);
            self.flying = Some(Box::pin(async move { client.together(commands).await }));
        }
    }

    fn landed(&mut self, replies: &[Reply]) {
        recording_session::answered(self.tape.as_ref(), replies);
        let refusals = replies.iter().rev().filter_map(|reply| reply.refusal());
        self.refusals.extend(refusals);
        self.answered = self.pending.is_empty();
    }
}

impl Wire for Shared {
    fn queue(&mut self, command: Command) {
        self.pending.push(command);
        // What was answered before says nothing of this.
        self.answered = false;
    }

    async fn ask(&mut self, command: Command) -> Result<Reply, Gone> {
        if let Some(flying) = &mut self.flying {
            let replies = flying.await;
            self.flying = None;
            self.landed(&replies?);
        }
        let mut commands = std::mem::take(&mut self.pending);
        commands.push(command);
        recording_session::said(self.tape.as_ref(), &commands);
        let mut replies = self.client.together(commands).await?;
        recording_session::answered(self.tape.as_ref(), &replies);
        replies.pop().ok_or(Gone)
    }

    async fn next(&mut self) -> Result<SwitchMessage, Error> {
        loop {
            if let Some(refusal) = self.refusals.pop() {
                return Ok(SwitchMessage::Refused(refusal));
            }
            if std::mem::take(&mut self.answered) {
                return Ok(SwitchMessage::Done);
            }
            self.take_off();
            tokio::select! {
                biased;
                departure = departed(&mut self.departure) => {
                    self.departure = None;
                    self.note(departure.as_ref().ok().copied());
                    return match departure {
                        Ok(Departure::HungUp) => Ok(SwitchMessage::Over),
                        Ok(Departure::MovedOn) => Ok(SwitchMessage::MovedOn),
                        Err(_) => Err(over()),
                    };
                }
                replies = flown(&mut self.flying) => {
                    self.flying = None;
                    self.landed(&replies.map_err(|Gone| over())?);
                }
            }
        }
    }
}

async fn departed(
    departure: &mut Option<oneshot::Receiver<Departure>>,
) -> Result<Departure, oneshot::error::RecvError> {
    match departure {
        Some(departure) => departure.await,
        None => pending().await,
    }
}

async fn flown(
    flying: &mut Option<BoxFuture<'static, Result<Vec<Reply>, Gone>>>,
) -> Result<Vec<Reply>, Gone> {
    match flying {
        Some(flying) => flying.await,
        None => pending().await,
    }
}

/// The connection ended; why, the one who reads it says.
fn over() -> Error {
    Error::Closed { unanswered: 0 }
}
