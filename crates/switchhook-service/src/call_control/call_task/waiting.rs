//! What a call on hold waits for.

use std::future::pending;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tracing::{debug, warn};

use crate::call_control::CallControlOptions;
use crate::call_control::call_connection::{CallConnection, SwitchMessage};
use crate::call_control::call_report::Ending;
use crate::call_control::confirm::Asked;
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::session::{Input, State};
use switchhook_core::variables;

use super::CallTask;

impl<C: CallConnection> CallTask<'_, C> {
    /// Waits for the next input of the session.
    pub(super) async fn wait(&mut self) -> Input {
        loop {
            tokio::select! {
                message = self.connection.next() => match message {
                    Ok(message) => if let Some(input) = self.input_for(message) { return input },
                    Err(error) => {
                        debug!(call_uuid = %self.channel.uuid, %error, "the connection to the switch ended");
                        return Input::ConnectionLost;
                    }
                },
                asked = outcome(&mut self.pending_outcome) => {
                    if let Some(input) = self.on_asked(asked) { return input }
                }
                () = self.timer.as_mut() => if let Some(input) = self.on_timer() { return input },
                () = self.call_control.release_all.cancelled(), if self.is_holding() => return self.on_release_all(),
            }
        }
    }

    /// Returns the input of an outcome. A confirmed call has none yet.
    fn on_asked(&mut self, asked: Asked) -> Option<Input> {
        self.pending_outcome = None;
        let outcome = match asked {
            Asked::Confirmed(asking) => {
                self.is_unconfirmed = false;
                self.pending_outcome = Some(asking);
                return None;
            }
            Asked::Done(outcome) => outcome,
            Asked::Refused(why) => Outcome::unsent(why),
        };
        let line = variables::line(&outcome);
        self.outcome = Some(Box::new(outcome));
        Some(Input::OutcomeReady(line))
    }

    /// Returns the input of the timer. The first moment of a hold passes without one.
    fn on_timer(&mut self) -> Option<Input> {
        if self.timer_input == Input::Waiting && !self.is_watched {
            self.watch();
            if let Some(recording) = &self.recording {
                recording.watched();
            }
            let options = &self.call_control.options;
            let rest = options.music_after - watch_after(options);
            self.set_timer(rest, Input::Waiting);
            if !rest.is_zero() {
                return None;
            }
        }
        if self.is_holding() && self.timer_input == Input::Deadline {
            let detail = "the webhook gave no whole answer in time";
            self.fail_with(Failure::new(Reason::Timeout, detail));
        }
        if let (Some(recording), Input::Waiting) = (&self.recording, self.timer_input) {
            recording.waited();
        }
        Some(self.timer_input)
    }

    fn is_holding(&self) -> bool {
        matches!(self.state, State::Holding { .. })
    }

    /// The service stops, and the drain deadline has passed.
    fn on_release_all(&mut self) -> Input {
        if let Some(recording) = &self.recording {
            recording.stopping();
        }
        let detail = "the service stopped before the webhook had answered";
        self.fail_with(Failure::new(Reason::ConnectionFailure, detail));
        Input::Deadline
    }

    /// Sets the outcome of a request that was sent and is not waited for any longer.
    fn fail_with(&mut self, failure: Failure) {
        self.outcome = Some(Box::new(Outcome {
            duration: Some(self.began.elapsed()),
            ..Outcome::unsent(failure)
        }));
    }

    /// Returns the session's input for a message, if it has one.
    fn input_for(&mut self, message: SwitchMessage) -> Option<Input> {
        let leaving = self.state == State::Leaving;
        match message {
            SwitchMessage::CallEnded if leaving => Some(Input::Goodbye),
            SwitchMessage::CallEnded => Some(Input::HungUp),
            SwitchMessage::Unparked(_) if leaving => self.on_unpark_while_leaving(),
            SwitchMessage::Unparked(unpark) => {
                self.unpark = Some(unpark);
                Some(Input::MovedOn)
            }
            SwitchMessage::TransferSource(source) => self.on_transfer_source(source, leaving),
            SwitchMessage::AllAnswered => leaving.then_some(Input::Goodbye),
            SwitchMessage::CommandRefused(error) => {
                self.handle_refusal(&error);
                None
            }
            SwitchMessage::Parked | SwitchMessage::Ignored => None,
        }
    }

    fn on_transfer_source(&mut self, source: String, leaving: bool) -> Option<Input> {
        if !self.was_moved(source) {
            return None;
        }
        if leaving {
            self.note_fetched_while_leaving();
        }
        (!leaving).then_some(Input::MovedOn)
    }

    /// The release of a parked call is done once it left its park. On a socket the notice follows.
    fn on_unpark_while_leaving(&self) -> Option<Input> {
        self.channel.command_uuid().map(|_| Input::MovedOn)
    }

    /// Handles a refused command: most likely the caller is gone already.
    fn handle_refusal(&mut self, error: &str) {
        let gone = error.contains("No such channel") || error.contains("invalid session id");
        if gone && self.state == State::Leaving {
            self.ending = Ending::HungUp;
        } else if !gone {
            warn!(call_uuid = %self.channel.uuid, error, "the switch refused a command");
        }
    }
}

/// Returns how long a call is on hold before it is watched.
pub(super) fn watch_after(options: &CallControlOptions) -> Duration {
    options.watch_after.min(options.music_after)
}

async fn outcome(pending_outcome: &mut Option<BoxFuture<'static, Asked>>) -> Asked {
    match pending_outcome {
        Some(outcome) => outcome.await,
        None => pending().await,
    }
}
