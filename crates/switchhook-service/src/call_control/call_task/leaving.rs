//! How a call is released.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::call_control::call_connection::CallConnection;
use crate::call_control::call_report::Ending;
use crate::call_control::release::SocketPark;
use crate::call_control::unpark::Unpark;
use crate::call_control::{KeptAnswer, release};
use eslclient::{Command, CommandError};
use switchhook_core::sanitize::inert;
use switchhook_core::session::Input;
use switchhook_core::variables::{self, Assignment, Line, VariablePlan};

use super::CallTask;
use super::letting_go::Unanswered;

/// The hold time from which the hook's schedule may have taken the call (FreeSWITCH counts its
/// schedules in whole seconds).
const RESCUE_POSSIBLE: Duration = Duration::from_secs(1);

/// The time after its answer to `connect` in which the switch has surely parked a call on a socket.
/// It does so within a millisecond, if its machine is not busy.
const PARKED_WITHIN: Duration = Duration::from_millis(100);

/// How long a stranger may take to say goodbye.
const STRANGER: Duration = Duration::from_secs(1);

/// The state of a call at the time it is to be released.
enum Ownership {
    /// Switchhook still holds the call.
    Held,
    /// The hook's schedule or somebody else took the call.
    Taken(Unpark),
    /// The call was hung up, or the switch is gone.
    Gone(Ending),
}

impl<C: CallConnection> CallTask<'_, C> {
    /// Releases the call to `line`, unless it is gone already.
    pub(super) async fn release(&mut self, line: Line) {
        self.pending_outcome = None;
        match self.ownership().await {
            Ownership::Held => self.queue_release(line),
            Ownership::Gone(ending) => self.ending = ending,
            Ownership::Taken(unpark) => {
                self.unpark = Some(Box::new(unpark));
                self.let_go().await;
            }
        }
        self.left_at = Instant::now();
        let goodbye = self.call_control.options.goodbye_deadline;
        if self.is_unconfirmed {
            self.set_timer(goodbye.min(STRANGER), Input::Deadline);
        } else {
            self.set_timer(goodbye, Input::Deadline);
            self.keep_answer();
        }
    }

    fn queue_release(&mut self, line: Line) {
        let commands = self.release_commands(line).or_else(|error| {
            warn!(call_uuid = %self.channel.uuid, %error, "the answer cannot be written to the channel");
            let failure = release::write_failure(self.outcome.as_deref(), &error);
            self.outcome = Some(Box::new(failure));
            self.release_commands(Line::One)
        });
        self.ending = Ending::Released(self.outcome.as_deref().map_or(line, variables::line));
        let commands = commands.unwrap_or_else(|error| {
            warn!(call_uuid = %self.channel.uuid, %error, "nothing can be written to the channel");
            release::minimal_commands(&self.channel, self.music_started)
        });
        for command in commands {
            self.queue(Ok(command));
        }
    }

    fn release_commands(&self, line: Line) -> Result<Vec<Command>, CommandError> {
        let parked_at = Duration::from_millis(self.connect_ms.into()) + PARKED_WITHIN;
        let park = if self.began.elapsed() < parked_at {
            SocketPark::MayBegin
        } else {
            SocketPark::Begun
        };
        let plan = match &self.task {
            Some(task) => Cow::Borrowed(&task.plan),
            None => Cow::Owned(VariablePlan::default()),
        };
        let assignments = self.assignments(&plan);
        release::commands(&self.channel, &assignments, line, self.music_started, park)
    }

    /// Returns whether the call is still where it was handed over. Events tell, but they are read
    /// late if this service slept, and 20 ms late in any case.
    ///
    /// The transfer of a parked call that somebody fetched would break off a talk, so a parked call
    /// is always asked about. The end of a socket breaks nothing off; but the variables and the
    /// break of a release do not belong on a line that the hook's schedule chose.
    async fn ownership(&mut self) -> Ownership {
        let is_parked = self.channel.command_uuid().is_some();
        let early = self.began.elapsed() < RESCUE_POSSIBLE || self.channel.mode_fault().is_some();
        if early && !is_parked {
            return Ownership::Held;
        }
        match self.find_unpark().await {
            Ok(None) => Ownership::Held,
            Ok(Some(unpark)) => Ownership::Taken(unpark),
            Err(Unanswered::Gone(_)) if is_parked => Ownership::Gone(Ending::Lost),
            Err(Unanswered::Gone(_) | Unanswered::NoChannel) => Ownership::Gone(Ending::HungUp),
            Err(Unanswered::Late(_)) if is_parked => Ownership::Taken(Unpark::default()),
            Err(Unanswered::Late(_) | Unanswered::Unsendable(_)) => Ownership::Held,
        }
    }

    fn assignments<'b>(&'b self, plan: &'b VariablePlan) -> Vec<Assignment<'b>> {
        let json_keys = self.channel.json_keys.as_deref();
        let mut assignments = match &self.outcome {
            Some(outcome) => plan.assignments(outcome, json_keys),
            None => plan.in_background(json_keys),
        };
        assignments.retain(|row| row.value.is_some() || self.channel.may_have(&row.name));
        let given = self.channel.given.iter().map(|(name, text)| Assignment {
            name: Cow::Borrowed(*name),
            value: Some(inert(text)),
        });
        assignments.splice(..0, given);
        assignments
    }

    /// Stores the answer for reports, without delaying the release.
    fn keep_answer(&self) {
        let Some(task) = self.task.as_ref().filter(|task| task.persist_response) else {
            return;
        };
        let Some(outcome) = &self.outcome else { return };
        let answer = KeptAnswer {
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            webhook: self.channel.webhook.clone(),
            variables: task.plan.exact(outcome),
        };
        let stored = self.call_control.persistence.keep(answer);
        let uuid = self.channel.uuid.clone();
        tokio::spawn(async move {
            if let Err(error) = stored.await {
                warn!(call_uuid = %uuid, %error, "the answer is not stored for reports");
            }
        });
    }
}
