//! A command as bytes for the switch.

use std::borrow::Cow;
use std::fmt;

use super::effect::Effect;

/// The verbs that an error names.
const VERBS: &[&str] = &[
    "api",
    "auth",
    "bgapi",
    "connect",
    "divert_events",
    "event",
    "exit",
    "filter",
    "linger",
    "log",
    "myevents",
    "nixevent",
    "noevents",
    "nolinger",
    "nolog",
    "resume",
    "sendevent",
    "sendmsg",
    "userauth",
];

/// One command for the switch.
///
/// The constructors check their inputs, so no input can become a second command.
///
/// `Debug` shows what the command does, never a password or the value of a variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    bytes: Cow<'static, [u8]>,
    /// The number of leading bytes that a log may show.
    shown: usize,
    queued: bool,
    effect: Effect,
}

impl Command {
    /// Makes a command of constant bytes, all of which a log may show.
    pub(super) fn constant(bytes: &'static [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            shown: bytes.len(),
            queued: false,
            effect: Effect::None,
        }
    }

    /// Makes a command of checked text, of which a log may show the first `shown` bytes.
    pub(super) fn checked(text: String, shown: usize) -> Self {
        Self {
            bytes: Cow::Owned(text.into_bytes()),
            shown,
            queued: false,
            effect: Effect::None,
        }
    }

    /// Marks the command as one that the switch only queues.
    pub(super) fn queued(mut self) -> Self {
        self.queued = true;
        self
    }

    /// Notes what the command changes for the events of its connection.
    pub(super) fn with_effect(mut self) -> Self {
        let line = self.bytes.split(|byte| *byte == b'\n').next();
        let line = line.and_then(|line| std::str::from_utf8(line).ok());
        self.effect = line.map(Effect::of).unwrap_or_default();
        self
    }

    pub(crate) fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns whether the switch only queues the command for its channel.
    ///
    /// Then its effect comes after the effects of later commands. `uuid_break` with `all`
    /// discards it, so send [`Command::break_`] without `all` after it. The switch queues
    /// 256 commands for one channel and closes the connection at the next (measured).
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.queued
    }

    /// Returns the bytes for the switch.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the first word of the command.
    pub(crate) fn name(&self) -> &'static str {
        let word = self.bytes.split(|byte| matches!(byte, b' ' | b'\n')).next();
        let known = VERBS.iter().find(|verb| word == Some(verb.as_bytes()));
        known.copied().unwrap_or("the command")
    }

    /// Appends the bytes for the switch to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = String::from_utf8_lossy(&self.bytes[..self.shown.min(self.bytes.len())]);
        write!(f, "Command({:?}", shown.trim_end())?;
        if self.shown < self.bytes.len() {
            f.write_str(" …")?;
        }
        write!(f, ", {} bytes)", self.bytes.len())
    }
}
