//! The lines of one command, and the checks that keep them one command.

use memchr::{memchr, memchr_iter, memchr2};

use super::{Command, CommandError};

/// The longest block of lines, in bytes. The switch reads lines one byte a
/// system call: 64 KiB take it 120 ms.
pub(super) const LINES: usize = 64 * 1024;

/// The longest body, in bytes. FreeSWITCH takes 16 MiB (`MAX_CONTENT_LENGTH`).
pub(super) const BODY: usize = 8 * 1024 * 1024;

/// The longest text that goes on a line where a body would do as well, in bytes.
pub(super) const SHORT: usize = 2 * 1024;

/// The lines of a command, the last one without its end.
pub(super) struct Block(String);

impl Block {
    pub(super) fn new(first: &str) -> Self {
        let mut lines = String::with_capacity(128);
        lines.push_str(first);
        Self(lines)
    }

    /// A message to a channel: to the socket's own without a UUID.
    pub(super) fn sendmsg(to: Option<&str>) -> Result<Self, CommandError> {
        let mut block = Self::new("sendmsg");
        if let Some(to) = to {
            block.push(" ").push(uuid(to)?);
        }
        Ok(block)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds text that was checked, or is ours.
    pub(super) fn push(&mut self, checked: &str) -> &mut Self {
        self.0.push_str(checked);
        self
    }

    /// Adds a line with a value that was checked, or is ours.
    pub(super) fn header(&mut self, name: &'static str, checked: &str) {
        self.push("\n").push(name).push(": ").push(checked);
    }

    pub(super) fn unloads(&self) -> bool {
        unloads(&self.0)
    }

    pub(super) fn finish_shown(self) -> Result<Command, CommandError> {
        let shown = self.len();
        self.finish(shown)
    }

    /// Ends the command, of which a log may show so many bytes.
    pub(super) fn finish(mut self, shown: usize) -> Result<Command, CommandError> {
        self.check()?;
        self.push("\n\n");
        Ok(self.command(shown))
    }

    /// Ends the command with a body.
    pub(super) fn finish_with_body(mut self, body: &str) -> Result<Command, CommandError> {
        let shown = self.len();
        limit("body", body, BODY)?;
        no_byte("body", body, b"\0")?;
        self.header("content-type", "text/plain");
        self.header("content-length", &body.len().to_string());
        self.check()?;
        self.push("\n\n").push(body);
        Ok(self.command(shown))
    }

    /// Ends an `execute` with the application's argument: on a line when a
    /// line carries it as it is, else in a body.
    pub(super) fn finish_with_argument(mut self, arg: &str) -> Result<Command, CommandError> {
        if arg.is_empty() {
            return self.finish_shown();
        }
        if !fits_line(arg) {
            return self.finish_with_body(arg);
        }
        let shown = self.len();
        self.header("execute-app-arg", arg);
        self.finish(shown)
    }

    fn command(self, shown: usize) -> Command {
        Command {
            bytes: self.0.into_bytes().into(),
            shown,
            queued: false,
        }
    }

    /// What must hold of every block, however it was put together.
    fn check(&self) -> Result<(), CommandError> {
        limit("command", &self.0, LINES)?;
        no_byte("command", &self.0, b"\r\0")?;
        let bytes = self.0.as_bytes();
        let mut ends = memchr_iter(b'\n', bytes);
        if let Some(at) = ends.find(|at| bytes.get(at + 1) == Some(&b'\n')) {
            return Err(CommandError::LineBreak {
                what: "command",
                at,
            });
        }
        if self.unloads() {
            return Err(CommandError::UnloadsModule);
        }
        Ok(())
    }
}

/// Whether a line carries the text to the switch as it is.
fn fits_line(text: &str) -> bool {
    text.len() <= SHORT
        && !text.starts_with(' ')
        && !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
        && not_array(text).is_ok()
        && !unloads(text)
}

/// FreeSWITCH: `parse_command` looks for these words in the whole block,
/// without case, and takes it for an order to unload or reload the module.
fn unloads(block: &str) -> bool {
    has(block, b"mod_event_socket") && (has(block, b"unload") || has(block, b"reload"))
}

/// Whether the word is in the block, without case. Every command is searched, so this
/// compares only where the word's first letter stands.
fn has(block: &str, word: &[u8]) -> bool {
    let Some(first) = word.first() else {
        return true;
    };
    let is_there = |at: usize| {
        let part = block.as_bytes().get(at..at + word.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(lower, upper, block.as_bytes()).any(is_there)
}

/// FreeSWITCH: `switch_event_base_add_header` takes such a value apart.
pub(super) fn not_array(value: &str) -> Result<(), CommandError> {
    let prefix = b"ARRAY::";
    match value.as_bytes().get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => Err(CommandError::Array),
        Some(_) | None => Ok(()),
    }
}

/// Text for a place that ends with its line; not empty.
pub(super) fn line<'a>(what: &'static str, text: &'a str) -> Result<&'a str, CommandError> {
    if text.is_empty() {
        return Err(CommandError::Empty { what });
    }
    limit(what, text, LINES)?;
    no_byte(what, text, b"\r\n\0")?;
    Ok(text)
}

/// The name of a channel: a UUID, or what `origination_uuid` made it.
pub(super) fn uuid(text: &str) -> Result<&str, CommandError> {
    require(text, "channel uuid", 256, in_uuid)
}

pub(super) fn in_uuid(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:@-".contains(&byte)
}

/// A name without space, `@` or `:`.
pub(super) fn word<'a>(what: &'static str, text: &'a str) -> Result<&'a str, CommandError> {
    require(text, what, 256, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-+".contains(&byte)
    })
}

/// Text of these characters only, not empty, not longer than this.
pub(super) fn require<'a>(
    text: &'a str,
    what: &'static str,
    longest: usize,
    allowed: impl Fn(u8) -> bool,
) -> Result<&'a str, CommandError> {
    if text.is_empty() {
        return Err(CommandError::Empty { what });
    }
    limit(what, text, longest)?;
    if text.bytes().all(allowed) {
        Ok(text)
    } else {
        Err(CommandError::BadCharacter { what })
    }
}

fn limit(what: &'static str, text: &str, limit: usize) -> Result<(), CommandError> {
    if text.len() > limit {
        return Err(CommandError::TooLong { what, limit });
    }
    Ok(())
}

fn no_byte<const N: usize>(
    what: &'static str,
    text: &str,
    forbidden: &[u8; N],
) -> Result<(), CommandError> {
    let found = match forbidden.as_slice() {
        [one] => memchr(*one, text.as_bytes()),
        [one, two] => memchr2(*one, *two, text.as_bytes()),
        more => text.bytes().position(|byte| more.contains(&byte)),
    };
    match found {
        Some(at) => Err(CommandError::LineBreak { what, at }),
        None => Ok(()),
    }
}
