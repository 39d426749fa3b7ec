//! Commands that the switch queues for a channel: `sendmsg`.

use std::net::SocketAddr;

use super::block::{self, Block, require};
use super::encoded::Command;
use super::error::CommandError;
use super::suggest::nearest;
use crate::hangup_cause::HangupCause;

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
        block.header("execute-app-name", application(app)?);
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
    /// Returns [`CommandError::UnknownName`] if FreeSWITCH has no such cause (the switch would
    /// answer `+OK` and use another), or an error if `uuid` is not a UUID.
    pub fn hangup(uuid: Option<&str>, cause: &str) -> Result<Self, CommandError> {
        let cause = known_cause(cause)?;
        let mut block = Block::sendmsg(uuid)?;
        block.header("call-command", "hangup");
        block.header("hangup-cause", cause);
        let shown = block.len();
        Ok(block.finish(shown)?.queued())
    }

    /// Takes the media of a bridged channel out of the switch, or of the channel `other`.
    ///
    /// # Errors
    /// Returns an error if `uuid` or `other` is not a UUID.
    pub fn nomedia(uuid: Option<&str>, other: &str) -> Result<Self, CommandError> {
        let mut block = Block::sendmsg(uuid)?;
        block.header("call-command", "nomedia");
        block.header("nomedia-uuid", block::uuid(other)?);
        Ok(block.finish_shown()?.queued())
    }

    /// Sends the media of a channel to another program over UDP, and takes media from it.
    ///
    /// # Errors
    /// Returns an error if `uuid` is not a UUID.
    pub fn unicast(uuid: Option<&str>, unicast: &Unicast) -> Result<Self, CommandError> {
        let mut block = Block::sendmsg(uuid)?;
        block.header("call-command", "unicast");
        block.header("local-ip", &unicast.local.ip().to_string());
        block.header("local-port", &unicast.local.port().to_string());
        block.header("remote-ip", &unicast.remote.ip().to_string());
        block.header("remote-port", &unicast.remote.port().to_string());
        block.header("transport", "udp");
        if unicast.native {
            block.header("flags", "native");
        }
        Ok(block.finish_shown()?.queued())
    }

    /// Transfers a channel to a list of applications, each with its argument, instead of an
    /// extension.
    ///
    /// # Errors
    /// Returns an error without an application, if one has a character that no application has,
    /// if a line cannot carry an argument, or if `uuid` is not a UUID.
    pub fn xferext<'a>(
        uuid: Option<&str>,
        applications: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CommandError> {
        let mut block = Block::sendmsg(uuid)?;
        block.header("call-command", "xferext");
        let shown = block.len();
        let mut any = false;
        for (app, arg) in applications {
            block.header("application", application(app)?);
            if !arg.is_empty() {
                block
                    .push(" ")
                    .push(block::line("application argument", arg)?);
            }
            any = true;
        }
        if !any {
            let what = "application name";
            return Err(CommandError::Empty { what });
        }
        Ok(block.finish(shown)?.queued())
    }
}

/// Where [`Command::unicast`] sends the media of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unicast {
    /// The switch's address.
    pub local: SocketAddr,
    /// The other program's address.
    pub remote: SocketAddr,
    /// Whether the media keeps its codec; else it is decoded.
    pub native: bool,
}

fn application(name: &str) -> Result<&str, CommandError> {
    require(name, "application name", 64, |byte| {
        block::alphanumeric_or(byte, *b"_-")
    })
}

fn known_cause(name: &str) -> Result<&str, CommandError> {
    if HangupCause::known(name).is_some() {
        return Ok(name);
    }
    let what = "hangup cause";
    if name.is_empty() {
        return Err(CommandError::Empty { what });
    }
    let all = HangupCause::all().map(|known| known.as_str().to_owned());
    Err(CommandError::unknown(what, name, nearest(name, all)))
}
