//! How a call is released.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::call_control::call_connection::CallConnection;
use crate::call_control::call_report::Ending;
use crate::call_control::channel::HandOver;
use crate::call_control::{KeptAnswer, release};
use eslclient::{Command, CommandError};
use switchhook_core::sanitize::inert;
use switchhook_core::session::Input;
use switchhook_core::variables::{self, Assignment, Line, VariablePlan};

use super::CallTask;

/// The hold time from which the hook's schedule may have taken the call (FreeSWITCH counts its
/// schedules in whole seconds).
const RESCUE_POSSIBLE: Duration = Duration::from_secs(1);

/// The state of a call at the time it is to be released.
enum Ownership {
    /// Switchhook still holds the call.
    Held,
    /// The hook's schedule took the call.
    Rescued,
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
            Ownership::Rescued => {
                self.ending = Ending::Rescued;
                if self.channel.command_uuid().is_none() {
                    self.queue(Ok(Command::exit()));
                }
            }
        }
        self.left_at = Instant::now();
        self.live_call = None;
        self.set_timer(self.call_control.options.goodbye_deadline, Input::Deadline);
        self.keep_answer();
    }

    fn queue_release(&mut self, line: Line) {
        let commands = self.release_commands(line).or_else(|error| {
            warn!(call_uuid = %self.channel.uuid, %error, "the answer cannot be written to the channel");
            self.outcome = Some(release::write_failure(self.outcome.as_ref(), &error));
            self.release_commands(Line::One)
        });
        self.ending = Ending::Released(self.outcome.as_ref().map_or(line, variables::line));
        let commands = commands.unwrap_or_else(|error| {
            warn!(call_uuid = %self.channel.uuid, %error, "nothing can be written to the channel");
            release::minimal_commands(&self.channel, self.music_started)
        });
        for command in commands {
            self.queue(Ok(command));
        }
    }

    fn release_commands(&self, line: Line) -> Result<Vec<Command>, CommandError> {
        release::commands(&self.channel, &self.assignments(), line, self.music_started)
    }

    /// Returns whether the hook's schedule took the call: its way out unsets a variable.
    ///
    /// A `resume` after that would leave a socket's call in CS_RESET for ever (FreeSWITCH:
    /// mod_event_socket.c `listener_run`), and would move a parked call away from where it is.
    /// The events of a parked call may be read late, so its variable is always read.
    async fn ownership(&mut self) -> Ownership {
        let (is_parked, early) = match self.channel.hand_over {
            HandOver::Socket { .. } => (false, self.began.elapsed() < RESCUE_POSSIBLE),
            HandOver::Parked(_) => (true, false),
        };
        let variable = self.channel.hand_over_variable().filter(|_| !early);
        let command =
            variable.and_then(|name| Command::get_variable(&self.channel.uuid, name).ok());
        let Some(command) = command else {
            return Ownership::Held;
        };
        let within = self.call_control.options.goodbye_deadline;
        let answered = Box::pin(timeout(within, self.connection.ask(command)));
        match answered
            .await
            .map(|reply| reply.map(|reply| reply.variable()))
        {
            Ok(Ok(Ok(value))) if self.channel.is_still_held(value.as_deref()) => Ownership::Held,
            Ok(Ok(Ok(_))) => Ownership::Rescued,
            Ok(Err(_)) if is_parked => Ownership::Gone(Ending::Lost),
            Ok(Ok(Err(_)) | Err(_)) => Ownership::Gone(Ending::HungUp),
            Err(_) if is_parked => Ownership::Rescued,
            Err(_) => Ownership::Held,
        }
    }

    fn assignments(&self) -> Vec<Assignment> {
        let json_keys = self.channel.json_keys.as_deref();
        let plan = match &self.task {
            Some(task) => Cow::Borrowed(&task.plan),
            None => Cow::Owned(VariablePlan::default()),
        };
        let mut assignments = match &self.outcome {
            Some(outcome) => plan.assignments(outcome, json_keys),
            None => plan.in_background(json_keys),
        };
        assignments.retain(|row| row.value.is_some() || self.channel.may_have(&row.name));
        let given = self.channel.given.iter().map(|(name, text)| Assignment {
            name: (*name).to_owned(),
            value: Some(inert(text).into_owned()),
        });
        given.chain(assignments).collect()
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
