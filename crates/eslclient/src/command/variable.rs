//! Commands that set, unset and read channel variables.

use std::borrow::Cow;

use super::block::{self, Block, SHORT, require};
use super::encoded::Command;
use super::error::CommandError;
use super::executing::is_executing_variable;

/// Channel variables.
impl Command {
    /// Sets a channel variable to exactly this value.
    ///
    /// A short value goes through `uuid_setvar` and is set at once. A value that makes the
    /// line longer than 2 KiB, or that a line must not hold, goes through the `set`
    /// application in a body. Then [`Command::is_queued`] returns true, and the variable is
    /// set a little later.
    ///
    /// The switch stores the value without a check. A dialplan that reads it later expands
    /// `${…}` in it. Remove such expansions from text that comes from outside.
    ///
    /// ```
    /// use eslclient::Command;
    ///
    /// let command = Command::set_variable("4f6e", "greeting", "it's\nme")?;
    /// assert_eq!(command.as_bytes(), b"api uuid_setvar 4f6e greeting it\\'s\\nme\n\n");
    /// # Ok::<(), eslclient::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error in these cases:
    ///
    /// * `uuid` is not a UUID, or `name` is not the name of a variable.
    /// * The switch executes the values of variables with this name, such as
    ///   `api_hangup_hook` ([`CommandError::Executes`]).
    /// * `value` is empty, holds NUL, or begins with `ARRAY::`. [`Command::unset_variable`]
    ///   empties a variable.
    /// * `value` holds a line end and `name` begins with `sip_`, where it may become a header of a
    ///   SIP message.
    /// * `value` needs the `set` application, and that would expand it
    ///   ([`CommandError::Expandable`]).
    pub fn set_variable(uuid: &str, name: &str, value: &str) -> Result<Self, CommandError> {
        let uuid = block::uuid(uuid)?;
        let name = variable_name(name)?;
        if is_executing_variable(name) {
            return Err(CommandError::Executes);
        }
        let value = storable(value)?;
        if becomes_header(name) {
            block::line("variable value", value)?;
        }
        let mut block = naming("api uuid_setvar ", uuid, name);
        let shown = block.len();
        block.push(" ");
        if block.len() + value.len() <= SHORT {
            block.push(&escape(value));
            if block.len() <= SHORT {
                match block.finish(shown) {
                    // The value alone looks like that command.
                    Err(CommandError::UnloadsModule) => {}
                    finished => return finished,
                }
            }
        }
        queued(uuid, name, value)
    }

    /// Unsets a channel variable.
    ///
    /// # Errors
    /// Returns an error if `uuid` is not a UUID or `name` is not the name of a variable.
    pub fn unset_variable(uuid: &str, name: &str) -> Result<Self, CommandError> {
        naming("api uuid_setvar ", block::uuid(uuid)?, variable_name(name)?).finish_shown()
    }

    /// Reads a channel variable exactly as it is stored.
    ///
    /// [`Reply::variable`](crate::Reply::variable) returns the value.
    ///
    /// # Errors
    /// Returns an error if `uuid` is not a UUID or `name` is not the name of a variable.
    pub fn get_variable(uuid: &str, name: &str) -> Result<Self, CommandError> {
        naming("api uuid_getvar ", block::uuid(uuid)?, variable_name(name)?).finish_shown()
    }
}

fn naming(verb: &str, uuid: &str, name: &str) -> Block {
    let mut block = Block::new(verb);
    block.push(uuid).push(" ").push(name);
    block
}

pub(super) fn variable_name(name: &str) -> Result<&str, CommandError> {
    let what = "variable name";
    require(name, what, 128, |byte| {
        block::alphanumeric_or(byte, *b"_.-")
    })?;
    if name.as_bytes()[0].is_ascii_alphabetic() {
        Ok(name)
    } else {
        Err(CommandError::character(what, name, 0))
    }
}

/// Returns whether the switch may write the value into a line of a SIP message, such as
/// `sip_h_X-Foo`.
pub(super) fn becomes_header(name: &str) -> bool {
    let start = name.as_bytes().get(..4);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"sip_"))
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

/// Escapes a value so that `switch_separate_string` reads it back unchanged.
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

/// Sets a variable with the `set` application and a body, which the switch reads at once.
fn queued(uuid: &str, name: &str, value: &str) -> Result<Command, CommandError> {
    if expands(value) {
        return Err(CommandError::Expandable);
    }
    let mut block = Block::sendmsg(Some(uuid))?;
    block.header("call-command", "execute");
    block.header("execute-app-name", "set");
    let command = block.finish_with_body(&format!("{name}={}", protect(value)))?;
    Ok(command.queued())
}

/// Returns whether the switch would expand the value (`switch_string_var_check`).
///
/// A `$` at the end counts: a dialplan may put a `{` after it.
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

/// Escapes a value so that two expansions restore it.
///
/// The switch expands the application's argument (`switch_core_session_exec`), then `set`
/// expands it again (`base_set`). One round of escapes loses backslashes (measured).
fn protect(value: &str) -> String {
    against_expansion(&against_expansion(value))
}

/// Escapes a value so that one expansion restores it.
///
/// `switch_channel_expand_variables_check` halves `\\` and runs of `$`, but only in a string
/// that has an escape.
fn against_expansion(value: &str) -> String {
    if value.contains('\\') {
        value.replace('\\', "\\\\").replace('$', "$$")
    } else {
        value.to_owned()
    }
}
