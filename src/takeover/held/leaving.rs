//! How a call is let go.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::call::session::Input;
use crate::call::variables::{self, Assignment, Line, Plan};
use crate::eslclient::{Command, Incoming};
use crate::takeover::channel::RESUMES;
use crate::takeover::report::Ending;
use crate::takeover::{Kept, release};

use super::Held;

/// A hook's schedule may have taken a call on that was held for longer (FreeSWITCH counts
/// its schedules in whole seconds).
const RESCUE_POSSIBLE: Duration = Duration::from_secs(1);

/// Whose a call is when we want to let it go.
enum Standing {
    Ours,
    /// The hook's schedule took it on.
    Rescued,
    /// It was hung up, or the switch is gone.
    Gone,
}

impl Held<'_> {
    pub(super) async fn release(&mut self, line: Line) {
        self.asking = None;
        match self.standing().await {
            Standing::Ours => self.queue_leaving(line),
            Standing::Gone => self.ending = Ending::HungUp,
            Standing::Rescued => {
                self.ending = Ending::Rescued;
                self.queue(Ok(Command::exit()));
            }
        }
        self.left = Instant::now();
        self.place = None;
        self.wake_after(self.takeover.options.goodbye_deadline, Input::Deadline);
        self.keep();
    }

    fn queue_leaving(&mut self, line: Line) {
        let commands = release::commands(&self.channel, &self.assignments(), self.played);
        let commands = commands.or_else(|error| {
            warn!(uuid = %self.channel.uuid, %error, "the answer cannot be written to the channel");
            self.outcome = Some(release::spoiled(self.outcome.as_ref(), &error));
            release::commands(&self.channel, &self.assignments(), self.played)
        });
        self.ending = Ending::Released(self.outcome.as_ref().map_or(line, variables::line));
        let commands = commands.unwrap_or_else(|error| {
            warn!(uuid = %self.channel.uuid, %error, "nothing can be written to the channel");
            release::bare(&self.channel, self.played)
        });
        for command in commands {
            self.queue(Ok(command));
        }
    }

    /// Whether the hook's schedule took the call on meanwhile: its way out unsets
    /// `socket_resume`. To say `resume` then would leave the call in CS_RESET for ever
    /// (FreeSWITCH: mod_event_socket.c `listener_run`).
    async fn standing(&mut self) -> Standing {
        if !self.channel.resumes || self.began.elapsed() < RESCUE_POSSIBLE {
            return Standing::Ours;
        }
        let Ok(command) = Command::get_variable(&self.channel.uuid, RESUMES) else {
            return Standing::Ours;
        };
        let asked = self.connection.queue(&command);
        let answered = async {
            loop {
                match self.connection.next().await {
                    Ok(Incoming::Reply(ticket, reply)) if ticket == asked => {
                        break reply.variable();
                    }
                    Ok(Incoming::Notice(_)) | Err(_) => break Err("gone".into()),
                    Ok(_) => {}
                }
            }
        };
        match timeout(self.takeover.options.goodbye_deadline, answered).await {
            Ok(Ok(None)) => Standing::Rescued,
            Ok(Ok(Some(_))) | Err(_) => Standing::Ours,
            Ok(Err(_)) => Standing::Gone,
        }
    }

    fn assignments(&self) -> Vec<Assignment> {
        let json_keys = self.channel.json_keys.as_deref();
        let default = Plan::default();
        let plan = self.widget.as_ref().map_or(&default, |widget| &widget.plan);
        match &self.outcome {
            Some(outcome) => plan.assignments(outcome, json_keys),
            None => plan.in_background(json_keys),
        }
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
        let answer = Kept {
            call: self.channel.uuid.clone(),
            flow: self.channel.flow.clone(),
            webhook: self.channel.widget.clone(),
            variables: widget.plan.exact(outcome),
        };
        let stored = self.takeover.aftermath.keep(answer);
        let uuid = self.channel.uuid.clone();
        tokio::spawn(async move {
            if let Err(error) = stored.await {
                warn!(%uuid, %error, "the answer was not kept for reports");
            }
        });
    }
}
