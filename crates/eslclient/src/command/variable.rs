//! Channel variables: set, unset, read.

use std::borrow::Cow;

use super::block::{self, Block, SHORT, require};
use super::{Command, CommandError, executes};

impl Command {
    /// Sets a channel variable to exactly this value.
    ///
    /// Short values go by `uuid_setvar`, at once. A value that makes the line
    /// long, or holds words that a line must not, goes by the `set` application
    /// in a body; then [`Command::is_queued`] is true and the variable is there
    /// a little later.
    ///
    /// The switch stores the value unchecked and a dialplan that reads it later
    /// expands `${…}` in it: make it inert first when it came from outside.
    ///
    /// # Errors
    /// A name that is none or that the switch executes, an empty value
    /// ([`Command::unset_variable`] unsets), NUL, an array, a long value that `set` would expand.
    pub fn set_variable(uuid: &str, name: &str, value: &str) -> Result<Self, CommandError> {
        let uuid = block::uuid(uuid)?;
        let name = variable_name(name)?;
        if executes(name) {
            return Err(CommandError::Executes);
        }
        let value = storable(value)?;
        let mut block = naming("api uuid_setvar ", uuid, name);
        let shown = block.len();
        block.push(" ");
        if block.len() + value.len() <= SHORT {
            block.push(&escape(value));
            if block.len() <= SHORT && !block.unloads() {
                return block.finish(shown);
            }
        }
        queued(uuid, name, value)
    }

    /// Unsets a channel variable.
    ///
    /// # Errors
    /// A name that is none.
    pub fn unset_variable(uuid: &str, name: &str) -> Result<Self, CommandError> {
        naming("api uuid_setvar ", block::uuid(uuid)?, variable_name(name)?).finish_shown()
    }

    /// Reads a channel variable as it is stored; [`super::super::Reply::variable`] has it.
    ///
    /// # Errors
    /// A name that is none.
    pub fn get_variable(uuid: &str, name: &str) -> Result<Self, CommandError> {
        naming("api uuid_getvar ", block::uuid(uuid)?, variable_name(name)?).finish_shown()
    }
}

fn naming(verb: &str, uuid: &str, name: &str) -> Block {
    let mut block = Block::new(verb);
    block.push(uuid).push(" ").push(name);
    block
}

fn variable_name(name: &str) -> Result<&str, CommandError> {
    let what = "variable name";
    require(name, what, 128, |byte| {
        byte.is_ascii_alphanumeric() || b"_.".contains(&byte)
    })?;
    if name.as_bytes()[0].is_ascii_alphabetic() {
        Ok(name)
    } else {
        Err(CommandError::BadCharacter { what })
    }
}

fn storable(value: &str) -> Result<&str, CommandError> {
    let what = "variable value";
    if value.is_empty() {
        return Err(CommandError::Empty { what });
    }
    if let Some(at) = value.find('\0') {
        return Err(CommandError::LineBreak { what, at });
    }
    block::not_array(value)?;
    Ok(value)
}

/// What `switch_separate_string` reads back as the value.
fn escape(value: &str) -> Cow<'_, str> {
    let edge = value.starts_with(' ') || value.ends_with(' ');
    let special = |byte| matches!(byte, b'\\' | b'\'' | b'\n' | b'\r' | b'\t');
    if !edge && !value.bytes().any(special) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 16);
    let last = value.len() - 1;
    for (at, character) in value.char_indices() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' ' if at == 0 || at == last => out.push_str("\\s"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// The `set` application with its argument in a body, which the switch reads in one go.
fn queued(uuid: &str, name: &str, value: &str) -> Result<Command, CommandError> {
    if expands(value) {
        return Err(CommandError::Expandable);
    }
    let mut block = Block::sendmsg(Some(uuid))?;
    block.header("call-command", "execute");
    block.header("execute-app-name", "set");
    let mut command = block.finish_with_body(&format!("{name}={}", protect(value)))?;
    command.queued = true;
    Ok(command)
}

/// FreeSWITCH: `switch_string_var_check`, and a `$` at the end that a `{` could follow elsewhere.
fn expands(value: &str) -> bool {
    let mut dollar = false;
    for byte in value.bytes() {
        match byte {
            b'$' => dollar = true,
            b'{' if dollar => return true,
            b'\\' => {}
            _ => dollar = false,
        }
    }
    dollar
}

/// What is left of it after the switch expanded it twice, once for the
/// application's argument (`switch_core_session_exec`) and once in `set` itself
/// (`base_set`), is the value. Measured: doubling backslashes once loses `\\`, `\'` and `\$`.
fn protect(value: &str) -> String {
    against_expansion(&against_expansion(value))
}

/// FreeSWITCH: `switch_channel_expand_variables_check` leaves a string alone
/// that has no escape; else it halves `\\`, and runs of `$`.
fn against_expansion(value: &str) -> String {
    if value.contains('\\') {
        value.replace('\\', "\\\\").replace('$', "$$")
    } else {
        value.to_owned()
    }
}
