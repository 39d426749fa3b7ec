//! What happens to a call on hold.

use std::future::pending;

use futures_util::future::BoxFuture;
use tracing::{debug, warn};

use crate::call_control::report::Ending;
use crate::call_control::wire::{SwitchMessage, Wire};
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::session::{Input, State};
use switchhook_core::variables;

use super::CallTask;

impl<W: Wire> CallTask<'_, W> {
    pub(super) async fn wait(&mut self) -> Input {
        loop {
            tokio::select! {
                heard = self.wire.next() => match heard {
                    Ok(heard) => if let Some(input) = self.heard(heard) { return input },
                    Err(error) => {
                        debug!(call_uuid = %self.channel.uuid, %error, "the switch's connection broke");
                        return Input::Lost;
                    }
                },
                outcome = answer(&mut self.asking) => {
                    self.asking = None;
                    let line = variables::line(&outcome);
                    self.outcome = Some(outcome);
                    return Input::Answered(line);
                }
                () = self.alarm.as_mut() => return self.alarmed(),
                () = self.call_control.release_all.cancelled(), if self.is_holding() => return self.evicted(),
            }
        }
    }

    fn alarmed(&mut self) -> Input {
        if self.is_holding() && self.alarm_means == Input::Deadline {
            let detail = "the webhook gave no whole answer in time";
            self.give_up(Failure::new(Reason::Timeout, detail));
        }
        if let (Some(tape), Input::Waiting) = (&self.tape, self.alarm_means) {
            tape.waited();
        }
        self.alarm_means
    }

    fn is_holding(&self) -> bool {
        matches!(self.state, State::Holding { .. })
    }

    /// The service stops and waited long enough.
    fn evicted(&mut self) -> Input {
        if let Some(tape) = &self.tape {
            tape.stopping();
        }
        let detail = "the service stopped before the webhook had answered";
        self.give_up(Failure::new(Reason::ConnectionFailure, detail));
        Input::Deadline
    }

    /// The outcome of a request that was sent and is not waited for any longer.
    fn give_up(&mut self, failure: Failure) {
        self.outcome = Some(Outcome {
            duration: Some(self.began.elapsed()),
            ..Outcome::unsent(failure)
        });
    }

    /// What was heard means this to the session; `None` for what changes nothing.
    fn heard(&mut self, heard: SwitchMessage) -> Option<Input> {
        let leaving = self.state == State::Leaving;
        match heard {
            SwitchMessage::Over if leaving => Some(Input::Goodbye),
            SwitchMessage::Over => Some(Input::HungUp),
            SwitchMessage::MovedOn => Some(Input::MovedOn),
            SwitchMessage::Done => leaving.then_some(Input::Goodbye),
            SwitchMessage::Refused(error) => {
                self.refused(&error);
                None
            }
            SwitchMessage::Nothing => None,
        }
    }

    /// The switch refused a command: most likely the caller is gone already.
    fn refused(&mut self, error: &str) {
        let gone = error.contains("No such channel") || error.contains("invalid session id");
        if gone && self.state == State::Leaving {
            self.ending = Ending::HungUp;
        } else if !gone {
            warn!(call_uuid = %self.channel.uuid, error, "the switch refused a command");
        }
    }
}

async fn answer(asking: &mut Option<BoxFuture<'static, Outcome>>) -> Outcome {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}
