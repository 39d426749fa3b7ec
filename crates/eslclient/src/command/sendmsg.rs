//! Commands that the switch queues for a channel: `sendmsg`.

use super::block::{self, Block, require};
use super::encoded::Command;
use super::error::CommandError;

/// How [`Command::execute`] runs its application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecuteOptions<'a> {
    /// The channel, on port 8021. `None` means the channel of an outbound socket.
    pub uuid: Option<&'a str>,
    /// The value of `Application-UUID` in the events of this execution.
    pub event_uuid: Option<&'a str>,
    /// Whether later applications wait until this one ends.
    pub event_lock: bool,
    /// The number of repetitions; a negative number repeats forever, `None` means once.
    pub loops: Option<i32>,
}

/// Commands that the switch queues for a channel.
///
/// The reply `+OK` means that the command is queued, not that it is done.
impl Command {
    /// Runs a dialplan application on a channel.
    ///
    /// The switch expands `${…}` in `arg`. It hangs the call up if `app` is not an
    /// application (measured).
    ///
    /// # Errors
    /// Returns an error if `app` has a character that no application has, if an option is not
    /// a UUID, or if `arg` holds NUL or is longer than 8 MiB.
    pub fn execute(
        app: &str,
        arg: &str,
        options: ExecuteOptions<'_>,
    ) -> Result<Self, CommandError> {
        let mut block = Block::sendmsg(options.uuid)?;
        block.header("call-command", "execute");
        require(app, "application name", 64, |byte| {
            byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
        })?;
        block.header("execute-app-name", app);
        if let Some(uuid) = options.event_uuid {
            block.header("event-uuid", block::uuid(uuid)?);
        }
        if options.event_lock {
            block.header("event-lock", "true");
        }
        if let Some(loops) = options.loops {
            block.header("loops", &loops.to_string());
        }
        Ok(block.finish_with_argument(arg)?.queued())
    }

    /// Hangs a channel up with a cause such as `NORMAL_CLEARING`.
    ///
    /// `uuid` is the channel on port 8021; `None` means the channel of an outbound socket.
    /// [`HangupCause::as_str`](crate::HangupCause::as_str) gives the names of causes.
    ///
    /// # Errors
    /// Returns an error if `cause` has a character that no cause has, or if `uuid` is not a
    /// UUID.
    pub fn hangup(uuid: Option<&str>, cause: &str) -> Result<Self, CommandError> {
        require(cause, "hangup cause", 64, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'_'
        })?;
        let mut block = Block::sendmsg(uuid)?;
        block.header("call-command", "hangup");
        block.header("hangup-cause", cause);
        let shown = block.len();
        Ok(block.finish(shown)?.queued())
    }
}
