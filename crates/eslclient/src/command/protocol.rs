//! The commands of the Event Socket protocol (`parse_command` in `mod_event_socket.c`).

use super::block::{self, Block, require, word};
use super::encoded::Command;
use super::error::CommandError;
use crate::codec::Format;

/// Commands of the Event Socket protocol.
impl Command {
    /// Takes control of the call on an outbound socket. The reply is the channel's data.
    ///
    /// [`open_outbound`](crate::open_outbound) sends it.
    #[must_use]
    pub fn connect() -> Self {
        Self::constant(b"connect\n\n")
    }

    /// Keeps an outbound socket open for `seconds` after the hangup, for the last events.
    #[must_use]
    pub fn linger(seconds: u32) -> Self {
        Self::shown(format!("linger {seconds}\n\n"))
    }

    /// Subscribes an outbound socket to the events of its channel.
    ///
    /// `CHANNEL_HOLD` and `CHANNEL_UNHOLD` are not among them (measured).
    #[must_use]
    pub fn myevents(format: Format) -> Self {
        match format {
            Format::Plain => Self::constant(b"myevents\n\n"),
            Format::Json => Self::constant(b"myevents json\n\n"),
        }
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

    /// Subscribes to events by name. Names after `CUSTOM` are subclasses.
    ///
    /// ```
    /// use eslclient::{Command, Format};
    ///
    /// let names = ["CHANNEL_ANSWER", "CUSTOM", "sofia::register"];
    /// let command = Command::event(Format::Json, names)?;
    /// assert_eq!(
    ///     command.as_bytes(),
    ///     b"event json CHANNEL_ANSWER CUSTOM sofia::register\n\n"
    /// );
    /// # Ok::<(), eslclient::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error without a name, and for a name with a character that no event has.
    pub fn event<'a>(
        format: Format,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CommandError> {
        let mut block = Block::new(match format {
            Format::Plain => "event plain",
            Format::Json => "event json",
        });
        let mut any = false;
        for name in names {
            require(name, "event name", 128, |byte| {
                byte.is_ascii_alphanumeric() || b"_:.-+/".contains(&byte)
            })?;
            block.push(" ").push(name);
            any = true;
        }
        if !any {
            return Err(CommandError::Empty { what: "event name" });
        }
        block.finish_shown()
    }

    /// Passes only events whose `header` has this value. A second filter passes more events.
    ///
    /// # Errors
    /// Returns an error if `header` is not a header's name, if `value` is empty, or if a line
    /// cannot carry it.
    pub fn filter(header: &str, value: &str) -> Result<Self, CommandError> {
        Self::filtering("filter ", header, value)
    }

    /// Removes a filter.
    ///
    /// # Errors
    /// Returns an error for the same inputs as [`Command::filter`].
    pub fn filter_delete(header: &str, value: &str) -> Result<Self, CommandError> {
        Self::filtering("filter delete ", header, value)
    }

    fn filtering(verb: &str, header: &str, value: &str) -> Result<Self, CommandError> {
        require(header, "filter header", 256, |byte| {
            byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
        })?;
        let verbs = ["add", "delete", "all"];
        if verbs.iter().any(|verb| header.eq_ignore_ascii_case(verb)) {
            return Err(CommandError::BadCharacter {
                what: "filter header",
            });
        }
        let value = block::line("filter value", value)?;
        block::not_array(value)?;
        let mut block = Block::new(verb);
        block.push(header).push(" ").push(value);
        block.finish_shown()
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
            byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
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
