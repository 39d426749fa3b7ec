//! How a call is let go.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::call_control::channel::Way;
use crate::call_control::report::Ending;
use crate::call_control::wire::Wire;
use crate::call_control::{KeptAnswer, release};
use eslclient::{Command, CommandError};
use switchhook_core::sanitize::inert;
use switchhook_core::session::Input;
use switchhook_core::variables::{self, Assignment, Line, Plan};

use super::CallTask;

/// A hook's schedule may have taken a call on that was held for longer (FreeSWITCH counts
/// its schedules in whole seconds).
const RESCUE_POSSIBLE: Duration = Duration::from_secs(1);

/// Whose a call is when we want to let it go.
enum Standing {
    Ours,
    /// The hook's schedule took it on.
    Rescued,
    /// It was hung up, or the switch is gone.
    Gone(Ending),
}

impl<W: Wire> CallTask<'_, W> {
    pub(super) async fn release(&mut self, line: Line) {
        self.asking = None;
        match self.standing().await {
            Standing::Ours => self.queue_leaving(line),
            Standing::Gone(ending) => self.ending = ending,
            Standing::Rescued => {
                self.ending = Ending::Rescued;
                if self.channel.addressed().is_none() {
                    self.queue(Ok(Command::exit()));
                }
            }
        }
        self.left = Instant::now();
        self.place = None;
        self.wake_after(self.call_control.options.goodbye_deadline, Input::Deadline);
        self.keep();
    }

    fn queue_leaving(&mut self, line: Line) {
        let commands = self.leaving(line).or_else(|error| {
            warn!(call_uuid = %self.channel.uuid, %error, "the answer cannot be written to the channel");
            self.outcome = Some(release::spoiled(self.outcome.as_ref(), &error));
            self.leaving(Line::One)
        });
        self.ending = Ending::Released(self.outcome.as_ref().map_or(line, variables::line));
        let commands = commands.unwrap_or_else(|error| {
            warn!(call_uuid = %self.channel.uuid, %error, "nothing can be written to the channel");
            release::bare(&self.channel, self.played)
        });
        for command in commands {
            self.queue(Ok(command));
        }
    }

    fn leaving(&self, line: Line) -> Result<Vec<Command>, CommandError> {
        release::commands(&self.channel, &self.assignments(), line, self.played)
    }

    /// Whether the hook's schedule took the call on meanwhile: its way out unsets a
    /// variable. To say `resume` then would leave the call of a socket in CS_RESET for ever
    /// (FreeSWITCH: mod_event_socket.c `listener_run`); a parked one would be moved away
    /// from where it is now. That of a parked call may be read late, so it is always asked.
    async fn standing(&mut self) -> Standing {
        let (is_parked, early) = match self.channel.way {
            Way::Socket { .. } => (false, self.began.elapsed() < RESCUE_POSSIBLE),
            Way::Parked(_) => (true, false),
        };
        let sign = self.channel.sign().filter(|_| !early);
        let command = sign.and_then(|sign| Command::get_variable(&self.channel.uuid, sign).ok());
        let Some(command) = command else {
            return Standing::Ours;
        };
        let within = self.call_control.options.goodbye_deadline;
        let answered = Box::pin(timeout(within, self.wire.ask(command)));
        match answered
            .await
            .map(|reply| reply.map(|reply| reply.variable()))
        {
            Ok(Ok(Ok(sign))) if self.channel.is_where_it_was(sign.as_deref()) => Standing::Ours,
            Ok(Ok(Ok(_))) => Standing::Rescued,
            Ok(Err(_)) if is_parked => Standing::Gone(Ending::Lost),
            Ok(Ok(Err(_)) | Err(_)) => Standing::Gone(Ending::HungUp),
            Err(_) if is_parked => Standing::Rescued,
            Err(_) => Standing::Ours,
        }
    }

    fn assignments(&self) -> Vec<Assignment> {
        let json_keys = self.channel.json_keys.as_deref();
        let plan = match &self.widget {
            Some(widget) => Cow::Borrowed(&widget.plan),
            None => Cow::Owned(Plan::default()),
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

    /// Stores the answer for reports, without holding up the goodbye.
    fn keep(&self) {
        let Some(widget) = self
            .widget
            .as_ref()
            .filter(|widget| widget.persist_response)
        else {
            return;
        };
        let Some(outcome) = &self.outcome else { return };
        let answer = KeptAnswer {
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            webhook: self.channel.widget.clone(),
            variables: widget.plan.exact(outcome),
        };
        let stored = self.call_control.persistence.keep(answer);
        let uuid = self.channel.uuid.clone();
        tokio::spawn(async move {
            if let Err(error) = stored.await {
                warn!(call_uuid = %uuid, %error, "the answer was not kept for reports");
            }
        });
    }
}
