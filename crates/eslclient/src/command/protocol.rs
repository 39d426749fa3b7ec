//! The commands of the Event Socket protocol (`parse_command` in `mod_event_socket.c`).

use std::time::Duration;

use super::block::{self, Block, require, word};
use super::encoded::Command;
use super::error::CommandError;
use super::log_level::LogLevel;

/// The longest time that the switch reads, in seconds: it keeps an `int`.
const LONGEST_LINGER: u64 = i32::MAX as u64;

/// Commands of the Event Socket protocol.
impl Command {
    /// Takes control of the call on an outbound socket. The reply is the channel's data.
    ///
    /// [`open_outbound`](crate::open_outbound) sends it.
    #[must_use]
    pub fn connect() -> Self {
        Self::constant(b"connect\n\n")
    }

    /// Keeps an outbound socket open for this time after the hangup, for the last events: for whole
    /// seconds, and at least one.
    #[must_use]
    pub fn linger(time: Duration) -> Self {
        let seconds = time.as_secs().clamp(1, LONGEST_LINGER);
        Self::shown(format!("linger {seconds}\n\n"))
    }

    /// Keeps an outbound socket open after the hangup until the client closes it (measured:
    /// `Linger-Time: -1`).
    #[must_use]
    pub fn linger_forever() -> Self {
        Self::constant(b"linger\n\n")
    }

    /// Has the outbound socket end with its call again.
    #[must_use]
    pub fn nolinger() -> Self {
        Self::constant(b"nolinger\n\n")
    }

    /// Sends the events that the channel receives itself, such as text messages, to the outbound
    /// socket.
    #[must_use]
    pub fn divert_events(on: bool) -> Self {
        Self::constant(if on {
            b"divert_events on\n\n"
        } else {
            b"divert_events off\n\n"
        })
    }

    /// Has the switch send lines of its log, which arrive as
    /// [`Incoming::Other`](crate::Incoming::Other).
    #[must_use]
    pub fn log(level: LogLevel) -> Self {
        Self::shown(format!("log {}\n\n", level.as_str()))
    }

    /// Ends what [`Command::log`] began, and discards the lines that the switch holds.
    #[must_use]
    pub fn nolog() -> Self {
        Self::constant(b"nolog\n\n")
    }

    /// Lets the dialplan continue with the next action when the outbound socket closes.
    ///
    /// Without it, or the channel variable `socket_resume`, the call stays parked forever.
    #[must_use]
    pub fn resume() -> Self {
        Self::constant(b"resume\n\n")
    }

    /// Ends the connection. The switch replies, sends a disconnect notice and closes.
    #[must_use]
    pub fn exit() -> Self {
        Self::constant(b"exit\n\n")
    }

    /// Answers `auth/request` with the password of `event_socket.conf.xml`.
    ///
    /// [`open_inbound`](crate::open_inbound) sends it.
    ///
    /// # Errors
    /// Returns an error if the password is empty or a line cannot carry it.
    pub fn auth(password: &str) -> Result<Self, CommandError> {
        let mut block = Block::new("auth ");
        let shown = block.len();
        block.push(block::line("password", password)?);
        block.finish(shown)
    }

    /// Answers `auth/request` as a user of the directory.
    ///
    /// # Errors
    /// Returns an error if a part is empty, or if the switch would read it as two parts.
    pub fn userauth(user: &str, domain: &str, password: &str) -> Result<Self, CommandError> {
        word("user", user)?;
        word("domain", domain)?;
        let mut block = Block::new("userauth ");
        block.push(user).push("@").push(domain).push(":");
        let shown = block.len();
        block.push(block::line("password", password)?);
        block.finish(shown)
    }

    /// Runs an API command. The reply is its output.
    ///
    /// The connection does nothing else until the command ends. Use [`Command::bgapi`] for
    /// slow commands such as `originate`.
    ///
    /// # Errors
    /// Returns an error if `name` has a character that no API command has, or if a line
    /// cannot carry `args`.
    pub fn api(name: &str, args: &str) -> Result<Self, CommandError> {
        Self::calling("api ", name, args)?.finish_shown()
    }

    /// Runs an API command in a thread of the switch.
    ///
    /// The reply has the job's UUID in its header `Job-UUID`. The output is the body of a
    /// `BACKGROUND_JOB` event with the same UUID. With `job_uuid` the client chooses the UUID,
    /// of which the switch keeps 36 characters.
    ///
    /// # Errors
    /// Returns an error for the same inputs as [`Command::api`], and if `job_uuid` is longer
    /// than 36 characters or has one that no UUID has.
    pub fn bgapi(name: &str, args: &str, job_uuid: Option<&str>) -> Result<Self, CommandError> {
        let mut block = Self::calling("bgapi ", name, args)?;
        let shown = block.len();
        if let Some(job) = job_uuid {
            require(job, "job uuid", 36, block::in_uuid)?;
            block.header("Job-UUID", job);
        }
        block.finish(shown)
    }

    fn calling(verb: &str, name: &str, args: &str) -> Result<Block, CommandError> {
        require(name, "api name", 64, |byte| {
            block::alphanumeric_or(byte, *b"_-.")
        })?;
        let mut block = Block::new(verb);
        block.push(name);
        if !args.is_empty() {
            block.push(" ").push(block::line("api arguments", args)?);
        }
        Ok(block)
    }

    fn shown(text: String) -> Self {
        let length = text.len();
        Self::checked(text, length)
    }
}
