//! A call that somebody else has, until nothing of ours is left on it.
//!
//! The end of a socket also ends whatever park its channel is in by then: that of an operator, or
//! that of the next hook. So the socket stays open until the channel is in none.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use eslclient::{Command, CommandError};
use switchhook_core::variables::VariablePlan;

use super::WebhookTask;
use super::call_connection::{CallConnection, SwitchMessage};
use super::channel::{Channel, RESUMES, WAY_OUT, WEBHOOK};
use super::hold::{MUSIC_LOOPS, TOTAL_LOOPS};

/// The time in which a call that was fetched reaches its next park or its next hook.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// What is still to be done for a call that was let go.
pub(crate) struct FetchedCall<C> {
    pub(super) connection: C,
    pub(super) channel: Channel,
    pub(super) task: Option<Arc<WebhookTask>>,
    /// Whether the call is in a park that is not ours.
    pub(super) is_parked: bool,
    /// Whether the hold music was sent.
    pub(super) music_started: bool,
    /// How long the switch may take for its goodbye.
    pub(super) goodbye_deadline: Duration,
}

impl<C: CallConnection> FetchedCall<C> {
    /// Waits until the call has settled, removes the preset outcome of the webhook, and closes the
    /// call's own socket.
    pub(super) async fn finish(mut self) {
        self.end_music().await;
        if !self.settle().await || self.channel.command_uuid().is_some() {
            return;
        }
        self.queue(Command::unset_variable(&self.channel.uuid, RESUMES));
        self.queue(Ok(Command::exit()));
        let within = self.goodbye_deadline;
        let ended = async { while !self.has_ended().await {} };
        if timeout(within, ended).await.is_err() {
            debug!(call_uuid = %self.channel.uuid, "the switch did not say goodbye");
        }
    }

    /// Returns whether the call is up and nothing keeps us from it any more.
    async fn settle(&mut self) -> bool {
        let mut timer = pin!(sleep(SETTLES_WITHIN));
        let mut is_clear = false;
        loop {
            tokio::select! {
                message = self.connection.next() => match message {
                    Err(_) | Ok(SwitchMessage::CallEnded) => return false,
                    Ok(SwitchMessage::Parked) => self.is_parked = true,
                    Ok(SwitchMessage::Unparked(_)) => {
                        self.is_parked = false;
                        timer.as_mut().reset(Instant::now() + SETTLES_WITHIN);
                    }
                    Ok(SwitchMessage::CommandRefused(_) | SwitchMessage::AllAnswered | SwitchMessage::TransferSource(_) | SwitchMessage::Ignored) => {}
                },
                () = timer.as_mut(), if !is_clear || !self.is_parked => {
                    if !is_clear {
                        self.end_music().await;
                        self.clear_outcome().await;
                        is_clear = true;
                    }
                    // The connection of parked calls stays open in any case.
                    if !self.is_parked || self.channel.command_uuid().is_some() {
                        return true;
                    }
                }
            }
        }
    }

    /// Ends hold music that plays over whatever the call is in now. A call that is transferred in
    /// the moment in which the music is sent keeps it in its queue, and plays it afterwards.
    async fn end_music(&mut self) {
        if !self.music_started {
            return;
        }
        let Some(loops) = self.variable(TOTAL_LOOPS).await else {
            return;
        };
        if loops.and_then(|loops| loops.parse().ok()) == Some(MUSIC_LOOPS) {
            self.queue(Command::break_(&self.channel.uuid, false));
        }
    }

    /// Unsets the failure that the hook preset: no webhook failed. If another hook has run since,
    /// these variables are its own.
    async fn clear_outcome(&mut self) {
        let within = self.goodbye_deadline;
        let Some(value) = self.variable(WAY_OUT).await else {
            return;
        };
        if !self.channel.is_own_way_out(value.as_deref()) {
            // With the way out of another hook, the call is in that hook's socket or park.
            self.is_parked |= value.is_some();
            return;
        }
        let fallback = VariablePlan::default();
        let task = self.task.clone();
        let plan = task.as_ref().map_or(&fallback, |task| &task.plan);
        for name in plan.outcome_names() {
            if self.channel.may_have(&name) {
                self.queue(Command::unset_variable(&self.channel.uuid, &name));
            }
        }
        self.queue(Command::unset_variable(&self.channel.uuid, WEBHOOK));
        if let Ok(last) = Command::unset_variable(&self.channel.uuid, WAY_OUT) {
            // Its reply comes when all are done.
            let _ = timeout(within, self.connection.ask(last)).await;
        }
    }

    /// Returns a variable of the channel, which may be unset; `None` if the switch does not say.
    async fn variable(&mut self, name: &str) -> Option<Option<String>> {
        let command = Command::get_variable(&self.channel.uuid, name).ok()?;
        let asked = timeout(self.goodbye_deadline, self.connection.ask(command));
        asked.await.ok()?.ok()?.variable().ok()
    }

    fn queue(&mut self, command: Result<Command, CommandError>) {
        if let Ok(command) = command {
            self.connection.queue(command);
        }
    }

    async fn has_ended(&mut self) -> bool {
        matches!(
            self.connection.next().await,
            Err(_) | Ok(SwitchMessage::CallEnded)
        )
    }
}
