//! A call on hold, as a table: where it stands, what happens, what is to be done.
//!
//! Every way through ends in [`State::Over`], and every way out of [`State::Holding`]
//! either releases the call to a line or finds nobody there to release: no caller
//! stays on hold for ever. The performer (`call_control`) owns sockets and clocks; it
//! feeds an [`Input`] and carries out the [`Action`]s in their order.

use super::variables::Line;

/// Where a call on hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The switch gave us the call; what it says of the channel is not read yet.
    Connecting,
    /// The webhook is asked; the caller waits.
    Holding {
        /// Hold music was started.
        music: bool,
    },
    /// The whole leaving is written; the switch has not said goodbye yet.
    Leaving,
    /// Nothing is left to do.
    Over,
}

/// What is to be done with a call that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Ask the webhook and wait.
    Ask,
    /// Send the request and do not wait.
    AskInBackground,
    /// Failed before anything could be sent.
    Refuse,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// The channel was read.
    Connected(Task),
    /// The answer was not there at once: the caller should hear something.
    Waiting,
    /// The webhook's outcome is there.
    Answered(Line),
    /// The caller hung up.
    HungUp,
    /// The longest time that this state may last has passed.
    Deadline,
    /// The switch said goodbye to the socket, or did everything of the leaving.
    Goodbye,
    /// The call went on without us: the hook's schedule, or somebody else, moved it.
    MovedOn,
    /// The connection is gone without a word.
    Lost,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Send the request and wait for its outcome.
    Ask,
    /// Hand the request to the background.
    AskInBackground,
    /// Clear the variables of earlier widgets and start the hold music.
    StartMusic,
    /// Drop the request in flight.
    Cancel,
    /// Write variables, cancel the scheduled way out, send the call on: in one write.
    Release(Line),
    /// Let go of the call.
    Close,
}

impl State {
    /// The next state, and what is to be done on the way there.
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
            Input::Connected(Task::Ask) => (Self::Holding { music: false }, &[Action::Ask]),
            Input::Connected(Task::AskInBackground) => (
                Self::Leaving,
                &[Action::AskInBackground, Action::Release(Line::Zero)],
            ),
            Input::Connected(Task::Refuse) => (Self::Leaving, &[Action::Release(Line::One)]),
            // Without the channel's UUID nothing can be written for it. The hook in the
            // dialplan set line 1 before, and `socket_resume` takes it there.
            Input::HungUp | Input::Deadline | Input::Goodbye | Input::MovedOn | Input::Lost => {
                (Self::Over, &[Action::Close])
            }
            Input::Waiting | Input::Answered(_) => (Self::Connecting, &[]),
        }
    }

    fn holding(music: bool, input: Input) -> (Self, &'static [Action]) {
        match input {
            Input::Waiting if !music => (Self::Holding { music: true }, &[Action::StartMusic]),
            Input::Answered(Line::Zero) => (Self::Leaving, &[Action::Release(Line::Zero)]),
            Input::Answered(Line::One) => (Self::Leaving, &[Action::Release(Line::One)]),
            Input::Deadline => (Self::Leaving, &[Action::Cancel, Action::Release(Line::One)]),
            Input::HungUp | Input::Goodbye | Input::MovedOn | Input::Lost => {
                (Self::Over, &[Action::Cancel, Action::Close])
            }
            Input::Waiting | Input::Connected(_) => (Self::Holding { music }, &[]),
        }
    }

    fn leaving(input: Input) -> (Self, &'static [Action]) {
        match input {
            Input::Goodbye | Input::HungUp | Input::MovedOn | Input::Lost | Input::Deadline => {
                (Self::Over, &[Action::Close])
            }
            Input::Connected(_) | Input::Waiting | Input::Answered(_) => (Self::Leaving, &[]),
        }
    }
}

#[cfg(test)]
mod tests;
