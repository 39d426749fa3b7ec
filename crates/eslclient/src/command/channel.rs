//! API commands on channels.

use super::block::{self, Block, require};
use super::encoded::Command;
use super::error::CommandError;
use super::sendmsg::ExecuteOptions;

/// API commands on channels.
impl Command {
    /// Ends the application that a channel runs, such as a playback (`uuid_break`).
    ///
    /// With `all` the switch also discards the commands that are queued for the channel.
    ///
    /// # Errors
    /// Returns an error if `uuid` is not a UUID.
    pub fn break_(uuid: &str, all: bool) -> Result<Self, CommandError> {
        let mut block = Block::new("api uuid_break ");
        block.push(block::uuid(uuid)?);
        if all {
            block.push(" all");
        }
        block.finish_shown()
    }

    /// Transfers a channel to an extension of the XML dialplan, at once (`uuid_transfer`).
    ///
    /// Commands that are queued for the channel stay queued.
    ///
    /// # Errors
    /// Returns an error if `uuid` is not a UUID, or if `extension` or `context` has another
    /// character than a letter, a digit or one of `_ . - + * #`: `uuid_transfer` has a grammar in
    /// which other text can carry commands.
    pub fn transfer(uuid: &str, extension: &str, context: &str) -> Result<Self, CommandError> {
        let mut block = Block::new("api uuid_transfer ");
        block.push(block::uuid(uuid)?);
        block.push(" ").push(&destination(extension, context)?);
        block.finish_shown()
    }

    /// Transfers a channel as an application does: after everything that is queued for it.
    ///
    /// # Errors
    /// Returns an error for the same inputs as [`Command::transfer`].
    pub fn transfer_queued(
        uuid: &str,
        extension: &str,
        context: &str,
    ) -> Result<Self, CommandError> {
        let options = ExecuteOptions {
            uuid: Some(uuid),
            ..ExecuteOptions::default()
        };
        Self::execute("transfer", &destination(extension, context)?, options)
    }

    /// Cancels one scheduled task by its number, as in the variable `last_sched_id`.
    ///
    /// # Errors
    /// Returns an error if the number is 0 or above `i32::MAX`. The switch reads it with
    /// `atoi`.
    pub fn sched_del(id: u64) -> Result<Self, CommandError> {
        if id == 0 || id > i32::MAX as u64 {
            return Err(CommandError::Unusable {
                what: "the task number",
                problem: "is 0 or above 2147483647: give the number in last_sched_id",
            });
        }
        let mut block = Block::new("api sched_del ");
        block.push(&id.to_string());
        block.finish_shown()
    }
}

/// Writes an extension of the XML dialplan as `transfer` and `uuid_transfer` read it.
fn destination(extension: &str, context: &str) -> Result<String, CommandError> {
    let extension = dialled("extension", extension)?;
    let context = plain_word("context", context)?;
    Ok(format!("{extension} XML {context}"))
}

/// Checks an extension as people dial it, such as `+4930123456`, `*97` or `#1`.
pub(super) fn dialled<'a>(what: &'static str, text: &'a str) -> Result<&'a str, CommandError> {
    require(text, what, 256, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-+*#".contains(&byte)
    })?;
    match text.as_bytes().first() {
        // An option such as `-bleg` begins like that.
        Some(b'-' | b'.' | b'_') | None => Err(CommandError::character(what, text, 0)),
        Some(_) => Ok(text),
    }
}

/// Checks a name of the dialplan: no grammar of the switch sees more in it.
pub(super) fn plain_word<'a>(what: &'static str, name: &'a str) -> Result<&'a str, CommandError> {
    require(name, what, 256, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
    })?;
    match name.as_bytes().first() {
        Some(first) if first.is_ascii_alphanumeric() => Ok(name),
        Some(_) | None => Err(CommandError::character(what, name, 0)),
    }
}
