//! What a command changes for the events of a connection.

use crate::codec::Format;

/// Event names that a client itself may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Names(u8);

impl Names {
    /// `BACKGROUND_JOB`.
    pub(crate) const JOB: Self = Self(1);
    /// `CHANNEL_EXECUTE_COMPLETE`.
    pub(crate) const EXECUTED: Self = Self(2);
    /// `CHANNEL_HANGUP_COMPLETE`.
    pub(crate) const HANGUP: Self = Self(4);
    /// `CHANNEL_DESTROY`.
    pub(crate) const DESTROY: Self = Self(8);
    /// The end of an application or of its channel.
    pub(crate) const EXECUTION: Self = Self(2 | 4 | 8);
    /// Every name.
    pub(crate) const ALL: Self = Self(u8::MAX);
    /// No name.
    pub(crate) const NONE: Self = Self(0);

    /// Returns the flag of a name; none for a name that no client subscribes to by itself.
    pub(crate) fn of(name: &str) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("BACKGROUND_JOB") {
            Self::JOB
        } else if is("CHANNEL_EXECUTE_COMPLETE") {
            Self::EXECUTED
        } else if is("CHANNEL_HANGUP_COMPLETE") {
            Self::HANGUP
        } else if is("CHANNEL_DESTROY") {
            Self::DESTROY
        } else if is("ALL") {
            Self::ALL
        } else {
            Self::NONE
        }
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether every name of `other` is among these.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a command changes for the events of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Effect {
    /// Nothing.
    #[default]
    None,
    /// Events with these names come, in this format, or in the one before.
    Subscribes(Option<Format>, Names),
    /// Events with these names come no more.
    Unsubscribes(Names),
    /// Only events that match a filter come.
    Filters,
    /// Filters are gone, perhaps all of them.
    Unfilters,
}

impl Effect {
    /// Reads the effect from the first line of a command.
    pub(crate) fn of(line: &str) -> Self {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default().to_ascii_lowercase();
        let names = |names: std::str::SplitAsciiWhitespace<'_>| {
            names.map(Names::of).fold(Names::NONE, Names::with)
        };
        match first.as_str() {
            "event" | "events" => {
                let format = words.clone().next().and_then(format);
                Self::Subscribes(format, names(words))
            }
            "myevents" => {
                let format = words.find_map(format);
                Self::Subscribes(format, Names::EXECUTION)
            }
            "nixevent" => Self::Unsubscribes(names(words)),
            "noevents" => Self::Unsubscribes(Names::ALL),
            "filter" => match words.next() {
                Some(verb) if verb.eq_ignore_ascii_case("delete") => match words.next() {
                    Some(all) if all.eq_ignore_ascii_case("all") => Self::Unfilters,
                    Some(_) | None => Self::None,
                },
                Some(_) | None => Self::Filters,
            },
            _ => Self::None,
        }
    }
}

fn format(word: &str) -> Option<Format> {
    if word.eq_ignore_ascii_case("plain") {
        Some(Format::Plain)
    } else if word.eq_ignore_ascii_case("json") {
        Some(Format::Json)
    } else {
        None
    }
}
