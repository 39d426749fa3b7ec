//! The state machine of a call on hold: states x inputs -> actions.
//!
//! Every path ends in [`State::Over`]. Every exit from [`State::Holding`] releases the call to a
//! line, lets go of a call that another party moved, or finds no caller to release: no caller stays
//! on hold for ever, and no talk is broken off. `call_control` owns the socket and the timers; it
//! feeds [`Input`]s and carries out the [`Action`]s in order.

use super::variables::Line;

/// The state of a call on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The switch handed the call over; its channel data is not read yet.
    Connecting,
    /// The request is under way and the caller waits.
    Holding {
        /// Hold music was started.
        music: bool,
    },
    /// The release is written; the switch has not confirmed it yet.
    Leaving,
    /// Nothing is left to do.
    Over,
}

/// How a call is handled once its channel is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallPlan {
    /// Send the request and wait for the outcome.
    SendRequest,
    /// Send the request and do not wait.
    SendInBackground,
    /// Fail: nothing can be sent.
    Fail,
}

/// An event of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// The channel was read.
    Connected(CallPlan),
    /// The outcome takes longer than a moment, so the caller should hear music.
    Waiting,
    /// The webhook's outcome is there.
    OutcomeReady(Line),
    /// The caller hung up.
    HungUp,
    /// The time limit of the state passed.
    Deadline,
    /// The switch closed the socket session, or has done everything of the release.
    Goodbye,
    /// The call is no longer where it was handed over: the hook's schedule moved it, or somebody
    /// fetched it.
    MovedOn,
    /// The connection broke without a notice.
    ConnectionLost,
}

/// A step for `call_control`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send the request and wait for its outcome.
    SendRequest,
    /// Hand the request to the background.
    SendInBackground,
    /// Clear the variables of earlier webhooks and start the hold music.
    StartMusic,
    /// Cancel the request in flight.
    CancelRequest,
    /// Write the variables, cancel the scheduled transfer and send the call on, in one write.
    Release(Line),
    /// Cancel the hook's schedules and leave everything else as the other party wants it.
    LetGo,
    /// Close the connection.
    Close,
}

impl State {
    /// Returns the next state and the actions on the way there.
    #[must_use]
    pub fn step(self, input: Input) -> (Self, &'static [Action]) {
        match self {
            Self::Connecting => Self::connecting(input),
            Self::Holding { music } => Self::holding(music, input),
            Self::Leaving => Self::leaving(input),
            Self::Over => (Self::Over, &[]),
        }
    }

    fn connecting(input: Input) -> (Self, &'static [Action]) {
        match input {
            Input::Connected(CallPlan::SendRequest) => {
                (Self::Holding { music: false }, &[Action::SendRequest])
            }
            Input::Connected(CallPlan::SendInBackground) => (
                Self::Leaving,
                &[Action::SendInBackground, Action::Release(Line::Zero)],
            ),
            Input::Connected(CallPlan::Fail) => (Self::Leaving, &[Action::Release(Line::One)]),
            // Without the channel's UUID no variable can be written. The hook in the dialplan set
            // line 1 before, and `socket_resume` continues there.
            Input::HungUp | Input::Deadline | Input::Goodbye | Input::ConnectionLost => {
                (Self::Over, &[Action::Close])
            }
            Input::MovedOn => (Self::Over, &[Action::LetGo, Action::Close]),
            Input::Waiting | Input::OutcomeReady(_) => (Self::Connecting, &[]),
        }
    }

    fn holding(music: bool, input: Input) -> (Self, &'static [Action]) {
        match input {
            Input::Waiting if !music => (Self::Holding { music: true }, &[Action::StartMusic]),
            Input::OutcomeReady(Line::Zero) => (Self::Leaving, &[Action::Release(Line::Zero)]),
            Input::OutcomeReady(Line::One) => (Self::Leaving, &[Action::Release(Line::One)]),
            Input::Deadline => (
                Self::Leaving,
                &[Action::CancelRequest, Action::Release(Line::One)],
            ),
            Input::HungUp | Input::Goodbye | Input::ConnectionLost => {
                (Self::Over, &[Action::CancelRequest, Action::Close])
            }
            Input::MovedOn => (
                Self::Over,
                &[Action::CancelRequest, Action::LetGo, Action::Close],
            ),
            Input::Waiting | Input::Connected(_) => (Self::Holding { music }, &[]),
        }
    }

    fn leaving(input: Input) -> (Self, &'static [Action]) {
        match input {
            Input::Goodbye
            | Input::HungUp
            | Input::MovedOn
            | Input::ConnectionLost
            | Input::Deadline => (Self::Over, &[Action::Close]),
            Input::Connected(_) | Input::Waiting | Input::OutcomeReady(_) => (Self::Leaving, &[]),
        }
    }
}

#[cfg(test)]
mod tests;
