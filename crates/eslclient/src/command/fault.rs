//! Why a command is not made.

/// What a command was given that it cannot carry. The text names the cure and
/// never repeats what was given: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A line end or NUL where the command has one line: it would forge a second command.
    #[error(
        "{what} holds a line end or NUL at byte {at}: the switch would read a second command there; take it out"
    )]
    LineBreak {
        /// What was given.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// Nothing where something is needed.
    #[error("{what} is empty: give one")]
    Empty {
        /// What was not given.
        what: &'static str,
    },
    /// A character that this kind of word does not have.
    #[error("this is no {what}: a character in it is not allowed there")]
    BadCharacter {
        /// What it should have been.
        what: &'static str,
    },
    /// Longer than the switch takes in reasonable time, or at all.
    #[error("{what} is longer than {limit} bytes: shorten it")]
    TooLong {
        /// What was given.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// More than the switch queues for one channel.
    #[error("{what}: more than {limit} at once, and the switch closes the connection; map fewer")]
    TooMany {
        /// What was given.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The lines hold the words at which the switch unloads or reloads its Event Socket.
    #[error(
        "the text names mod_event_socket together with a word that makes the switch unload or reload it for everybody: take one of them out"
    )]
    UnloadsModule,
    /// The variable's value would be run by the switch.
    #[error(
        "the switch runs what the variable holds: set it in the dialplan, or choose another name"
    )]
    Executes,
    /// A value that the switch would take apart into an array.
    #[error(
        "the value begins with ARRAY:: and would be stored as an array: put something before it"
    )]
    Array,
    /// A value that has to go through the `set` application, which would expand it.
    #[error(
        "the value is too long for a line and holds $ and {{ so that the switch would expand it: make it inert or shorter"
    )]
    Expandable,
}
