//! The lines of one command, and the checks that keep them one command.

use memchr::{memchr, memchr_iter, memchr2};

use super::encoded::Command;
use super::error::CommandError;

/// The longest block of lines, in bytes.
///
/// The switch reads lines with one system call a byte: 64 KiB take 120 ms (measured).
const LINES_LIMIT: usize = 64 * 1024;

/// The longest body, in bytes. FreeSWITCH accepts 16 MiB (`MAX_CONTENT_LENGTH`).
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The longest text, in bytes, that goes on a line where a body is possible as well.
pub(super) const SHORT: usize = 2 * 1024;

/// The lines of a command; the last one has no line end yet.
pub(super) struct Block(String);

impl Block {
    pub(super) fn new(first: &str) -> Self {
        let mut lines = String::with_capacity(128);
        lines.push_str(first);
        Self(lines)
    }

    /// Begins a message to a channel; `None` means the channel of an outbound socket.
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

    /// Appends checked or constant text.
    pub(super) fn push(&mut self, checked: &str) -> &mut Self {
        self.0.push_str(checked);
        self
    }

    /// Appends a line with a checked or constant value.
    pub(super) fn header(&mut self, name: &'static str, checked: &str) {
        self.field(name, checked);
    }

    /// Appends a line with a checked name and value.
    pub(super) fn field(&mut self, name: &str, checked: &str) {
        self.push("\n").push(name).push(": ").push(checked);
    }

    /// Ends a command that a log may show whole.
    pub(super) fn finish_shown(self) -> Result<Command, CommandError> {
        let shown = self.len();
        self.finish(shown)
    }

    /// Ends a command of which a log may show the first `shown` bytes.
    pub(super) fn finish(mut self, shown: usize) -> Result<Command, CommandError> {
        self.check()?;
        self.push("\n\n");
        Ok(Command::checked(self.0, shown))
    }

    /// Ends a command with a body.
    pub(super) fn finish_with_body(mut self, body: &str) -> Result<Command, CommandError> {
        let shown = self.len();
        limit("body", body, BODY_LIMIT)?;
        no_byte("body", body, b"\0")?;
        self.header("content-type", "text/plain");
        self.header("content-length", &body.len().to_string());
        self.check()?;
        self.push("\n\n").push(body);
        Ok(Command::checked(self.0, shown))
    }

    /// Ends an `execute` with the application's argument: on a line if a line can carry it
    /// unchanged, else in a body.
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

    /// Checks what must hold for every command, however it was built.
    fn check(&self) -> Result<(), CommandError> {
        limit("command", &self.0, LINES_LIMIT)?;
        if has_control(&self.0) {
            self.check_lines()?;
        }
        if unloads(&self.0) {
            return Err(CommandError::UnloadsModule);
        }
        Ok(())
    }

    fn check_lines(&self) -> Result<(), CommandError> {
        no_byte("command", &self.0, b"\r\0")?;
        let bytes = self.0.as_bytes();
        let mut ends = memchr_iter(b'\n', bytes);
        match ends.find(|at| bytes.get(at + 1) == Some(&b'\n')) {
            Some(at) => Err(CommandError::LineBreak {
                what: "command",
                at,
            }),
            None => Ok(()),
        }
    }
}

/// Returns whether a byte is a control character, as a line end is. Most commands have none.
///
/// All bytes are compared, so that the compiler compares many at once.
fn has_control(text: &str) -> bool {
    text.bytes().fold(false, |any, byte| any | (byte < b' '))
}

/// Returns whether a line carries the text to the switch unchanged.
fn fits_line(text: &str) -> bool {
    text.len() <= SHORT
        && !text.starts_with(' ')
        && !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
        && not_array(text).is_ok()
        && !unloads(text)
}

/// Returns whether the switch would unload or reload Event Socket at this block.
///
/// The switch searches the whole block in any case (`parse_command`, `mod_event_socket.c`).
fn unloads(block: &str) -> bool {
    has(block, b"mod_event_socket") && (has(block, b"unload") || has(block, b"reload"))
}

/// Returns whether the block contains the word in any case.
///
/// Every command is searched. A comparison happens only at the word's first letter.
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

/// Rejects a value that the switch would split (`switch_event_base_add_header`).
pub(super) fn not_array(value: &str) -> Result<(), CommandError> {
    let prefix = b"ARRAY::";
    match value.as_bytes().get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => Err(CommandError::Array),
        Some(_) | None => Ok(()),
    }
}

/// Checks text that ends with its line and is not empty.
pub(super) fn line<'a>(what: &'static str, text: &'a str) -> Result<&'a str, CommandError> {
    if text.is_empty() {
        return Err(CommandError::Empty { what });
    }
    limit(what, text, LINES_LIMIT)?;
    no_byte(what, text, b"\r\n\0")?;
    Ok(text)
}

/// Checks a channel's UUID, which `origination_uuid` may have set to other text.
pub(super) fn uuid(text: &str) -> Result<&str, CommandError> {
    require(text, "channel uuid", 256, in_uuid)
}

/// Returns whether a channel's UUID may contain the byte.
pub(super) fn in_uuid(byte: u8) -> bool {
    alphanumeric_or(byte, *b"_.:@-")
}

/// Returns whether the byte is an ASCII letter or digit, or one of the others.
///
/// Without branches, so that the compiler compares many bytes at once.
#[inline]
pub(super) fn alphanumeric_or<const N: usize>(byte: u8, others: [u8; N]) -> bool {
    let alphanumeric = byte.is_ascii_digit() | (byte | 0x20).is_ascii_lowercase();
    others
        .iter()
        .fold(alphanumeric, |any, other| any | (byte == *other))
}

/// Checks a name without space, `@` or `:`.
pub(super) fn word<'a>(what: &'static str, text: &'a str) -> Result<&'a str, CommandError> {
    require(text, what, 256, |byte| alphanumeric_or(byte, *b"_.-+"))
}

/// Checks text that is not empty, not longer than `longest` bytes and has only `allowed` bytes.
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
    // No early exit: see `alphanumeric_or`.
    if text.bytes().fold(true, |all, byte| all & allowed(byte)) {
        return Ok(text);
    }
    match text.bytes().position(|byte| !allowed(byte)) {
        Some(at) => Err(CommandError::character(what, text, at)),
        None => Ok(text),
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
