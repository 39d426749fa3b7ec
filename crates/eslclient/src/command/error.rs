//! Why a command cannot be built.

/// An input that a command cannot carry.
///
/// The text says how to fix the input. It never repeats a value, which may be a secret; only the
/// one character that is not allowed, and the name of a variable, an event or a cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The input holds a line end or NUL where the command has one line.
    #[error(
        "{what} holds a line end or NUL at byte {at}: the switch would read a second command there; remove it"
    )]
    LineBreak {
        /// The name of the input.
        what: &'static str,
        /// The position of the line end or NUL, in bytes.
        at: usize,
    },
    /// A required input is empty.
    #[error("{what} is empty: give a value")]
    Empty {
        /// The name of the input.
        what: &'static str,
    },
    /// The input holds a character that is not allowed in its place.
    #[error("{what} holds {character:?} at byte {at}, which is not allowed there: {cure}")]
    BadCharacter {
        /// The name of the input.
        what: &'static str,
        /// The character.
        character: char,
        /// The position of the character, in bytes.
        at: usize,
        /// What to do.
        cure: &'static str,
    },
    /// The input has only allowed characters, but the switch would read something else in it.
    #[error("{what} {problem}")]
    Unusable {
        /// The name of the input.
        what: &'static str,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// The name or the value of one of several variables.
    #[error("variable {name:?}: {source}")]
    Variable {
        /// The beginning of the variable's name.
        name: String,
        /// What is wrong with it.
        source: Box<CommandError>,
    },
    /// The input is longer than the switch accepts, or reads in reasonable time.
    #[error("{what} is longer than {limit} bytes: shorten it")]
    TooLong {
        /// The name of the input.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// More commands than the switch queues for one channel.
    #[error("{what}: more than {limit} at once, and the switch closes the connection; send fewer")]
    TooMany {
        /// The name of the input.
        what: &'static str,
        /// The limit, in commands.
        limit: usize,
    },
    /// The switch would take words of the command for an order to unload Event Socket.
    #[error(
        "the switch would take words of this text for an order to unload Event Socket: remove the name of that module"
    )]
    UnloadsModule,
    /// The switch executes the value of a variable with this name.
    #[error(
        "the switch executes the value of this variable: set it in the dialplan, or choose another name"
    )]
    Executes,
    /// The switch would split the value into an array.
    #[error("the value begins with ARRAY:: and would be stored as an array: put text before it")]
    Array,
    /// FreeSWITCH has no such event or hangup cause.
    #[error(
        "FreeSWITCH has no {what} {name:?}{}",
        hint.as_ref().map(|hint| format!(": use {hint}")).unwrap_or_default()
    )]
    UnknownName {
        /// What the name is for.
        what: &'static str,
        /// The name.
        name: String,
        /// The nearest name that FreeSWITCH has, if one is near.
        hint: Option<String>,
    },
    /// The name of an event stands after `CUSTOM`.
    #[error(
        "{name} is an event, and stands where the switch reads subclasses of CUSTOM events: \
         put it before CUSTOM, or give it to `Subscription::event`"
    )]
    AfterCustom {
        /// The name.
        name: String,
    },
    /// The value needs the `set` application, which would expand it.
    #[error(
        "the value is too long for a line and the switch would expand its $ and {{: remove them or shorten it"
    )]
    Expandable,
}

impl CommandError {
    /// Makes the error of the character at a byte of `text`; a position at its end or within a
    /// character counts as the character before.
    pub(super) fn character(what: &'static str, text: &str, at: usize) -> Self {
        let found = text.char_indices().take_while(|(start, _)| *start <= at);
        match found.last() {
            Some((at, character)) => Self::BadCharacter {
                what,
                character,
                at,
                cure: "remove it",
            },
            None => Self::Empty { what },
        }
    }

    /// Names another cure for a character.
    pub(super) fn cured_by(mut self, other: &'static str) -> Self {
        if let Self::BadCharacter { cure, .. } = &mut self {
            *cure = other;
        }
        self
    }

    /// Names the variable that the error is about.
    pub(super) fn of_variable(self, name: &str) -> Self {
        Self::Variable {
            name: name.chars().take(64).collect(),
            source: Box::new(self),
        }
    }

    /// Makes the error of a name that FreeSWITCH does not have.
    pub(super) fn unknown(what: &'static str, name: &str, hint: Option<String>) -> Self {
        Self::UnknownName {
            what,
            name: name.chars().take(64).collect(),
            hint,
        }
    }
}
