//! How a call is let go that somebody else has moved.
//!
//! The hook's schedule is ours and would move the caller again, out of a talk: it is cancelled.
//! The variable that makes a socket's end reset the channel is ours too. All else is left alone.

use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use crate::call_control::call_connection::CallConnection;
use crate::call_control::call_report::Ending;
use crate::call_control::channel::RESUMES;
use crate::call_control::unpark::{ParkExit, TRANSFER_SOURCE, Unpark};
use eslclient::{Command, CommandError, Error, Format, Reply};

use super::CallTask;

/// How `sched_del` answers if the task had not begun yet.
const CANCELLED: &str = "Deleted: 1";

impl<C: CallConnection> CallTask<'_, C> {
    /// Subscribes a socket to the events that tell when its call is moved, and asks whether it was
    /// moved already. A parked call's connection has the events from the start.
    ///
    /// A call that is answered at once costs no more than before. The event of the hand-over's own
    /// park is past by now: it is large.
    pub(super) fn watch(&mut self) {
        if self.channel.command_uuid().is_none() {
            let uuid = &self.channel.uuid;
            let moved = Command::get_variable(uuid, TRANSFER_SOURCE);
            let own = Command::filter("Unique-ID", uuid);
            self.queue(own);
            self.queue(Command::event(
                Format::Plain,
                ["CHANNEL_UNPARK", "CHANNEL_PARK"],
            ));
            self.queue(moved);
        }
        self.is_watched = true;
    }

    /// Reads the present [`TRANSFER_SOURCE`]: returns whether the call was moved.
    pub(super) fn was_moved(&mut self, source: String) -> bool {
        let moved = !self.channel.is_still_held(Some(&source));
        if moved {
            let source = Some(source);
            let to_park = false;
            self.unpark = Some(Box::new(Unpark { source, to_park }));
        }
        moved
    }

    /// Notes that somebody fetched the call in the moment of its release.
    pub(super) fn note_fetched_while_leaving(&mut self) {
        if let Some(unpark) = self.unpark.take() {
            let taken_by = unpark.taken_by(self.channel.transfer.as_deref());
            self.taken_by = taken_by.map(Into::into);
            self.fetched_while_leaving = true;
        }
    }

    /// Asks the switch whether the call was moved, and by whom. The event may be 20 ms late; but of
    /// an operator's `uuid_park` only the event tells.
    ///
    /// # Errors
    /// The call is gone, or the switch says nothing.
    pub(super) async fn find_unpark(&mut self) -> Result<Option<Unpark>, Unanswered> {
        let command = Command::get_variable(&self.channel.uuid, TRANSFER_SOURCE);
        let reply = self.ask_in_time(command).await?;
        let source = reply.variable().map_err(|_| Unanswered::NoChannel)?;
        match self.connection.take_exit() {
            Some(ParkExit::MovedOn(unpark)) => return Ok(Some(unpark)),
            Some(ParkExit::HungUp) => return Err(Unanswered::NoChannel),
            None => {}
        }
        if self.channel.is_still_held(source.as_deref()) {
            return Ok(None);
        }
        let to_park = false;
        Ok(Some(Unpark { source, to_park }))
    }

    /// Cancels the hook's schedule, and finds out by that whether it was the one that moved the
    /// call.
    pub(super) async fn let_go(&mut self) {
        let unpark = self.unpark.take().unwrap_or_default();
        if self.channel.command_uuid().is_none() {
            self.queue(Command::unset_variable(&self.channel.uuid, RESUMES));
            if !self.is_watched {
                self.watch();
            }
        }
        let cancelled = self.cancel_way_out().await;
        // A task that has just run may still be cancelled, for some milliseconds.
        let by_way_out = cancelled == Some(false) || unpark.is_by_way_out();
        self.ending = if by_way_out {
            Ending::Rescued
        } else {
            Ending::Fetched
        };
        self.is_parked_elsewhere = unpark.to_park;
        if self.ending == Ending::Fetched {
            let taken_by = unpark.taken_by(self.channel.transfer.as_deref());
            self.taken_by = taken_by.map(Into::into);
        }
    }

    /// Returns whether the way out had not begun; `None` if there is none, or nobody knows.
    async fn cancel_way_out(&mut self) -> Option<bool> {
        let task = self.channel.way_out?;
        match self.ask_in_time(Command::sched_del(task)).await {
            Ok(reply) => Some(reply.text().contains(CANCELLED)),
            Err(error) => {
                let uuid = &self.channel.uuid;
                warn!(call_uuid = %uuid, %error, "the hook's schedule could not be cancelled and may move the caller again");
                None
            }
        }
    }

    async fn ask_in_time(
        &mut self,
        command: Result<Command, CommandError>,
    ) -> Result<Reply, Unanswered> {
        let within = self.call_control.options.goodbye_deadline;
        // Boxed: a waiting call has no room for this future.
        let answered = Box::pin(timeout(within, self.connection.ask(command?)));
        Ok(answered.await.map_err(|_| Unanswered::Late(within))??)
    }
}

/// Why the switch did not answer a question about the call.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("the switch has no such channel any more")]
    NoChannel,
    #[error(transparent)]
    Gone(#[from] Error),
    #[error("the switch did not answer within {0:?}")]
    Late(Duration),
    #[error(transparent)]
    Unsendable(#[from] CommandError),
}
