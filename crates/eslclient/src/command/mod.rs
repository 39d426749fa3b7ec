//! Commands for the switch. Nothing else in this crate makes bytes for it.
//!
//! What a command is given cannot become a second one, whatever it holds: text
//! that a line cannot carry goes into a body where the switch takes one, and is
//! refused with the cure where it does not.

mod block;
mod executing;
mod fault;
mod variable;

use std::borrow::Cow;
use std::fmt;

pub use executing::executes;
pub use fault::CommandError;

use super::codec::Format;
use block::{Block, require, word};

/// One command, as the switch will read it.
///
/// `Debug` shows what it does, never a password or the value of a variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    bytes: Cow<'static, [u8]>,
    /// How much of the first line a log may show.
    shown: usize,
    queued: bool,
}

/// How `execute` runs its application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExecuteOptions<'a> {
    /// The channel, for port 8021. On an outbound socket leave it out: the socket's own channel.
    pub uuid: Option<&'a str>,
    /// Comes back as `Application-UUID` in the events of this execution.
    pub event_uuid: Option<&'a str>,
    /// Later applications wait until this one has ended.
    pub event_lock: bool,
    /// How often, if not once; below zero for ever.
    pub loops: Option<i32>,
}

impl Command {
    /// Takes the call over, on an outbound socket; the reply is the channel's data.
    #[must_use]
    pub fn connect() -> Self {
        Self::fixed(b"connect\n\n")
    }

    /// Keeps the socket open for so long after the hang-up, so that the last events arrive.
    #[must_use]
    pub fn linger(seconds: u32) -> Self {
        Self::shown(format!("linger {seconds}\n\n"))
    }

    /// Subscribes an outbound socket to the events of its channel.
    #[must_use]
    pub fn myevents(format: Format) -> Self {
        match format {
            Format::Plain => Self::fixed(b"myevents\n\n"),
            Format::Json => Self::fixed(b"myevents json\n\n"),
        }
    }

    /// Lets the dialplan go on with the next action once the socket is closed.
    #[must_use]
    pub fn resume() -> Self {
        Self::fixed(b"resume\n\n")
    }

    /// Ends the connection; the switch answers, says goodbye and closes.
    #[must_use]
    pub fn exit() -> Self {
        Self::fixed(b"exit\n\n")
    }

    /// Subscribes to events by name; after `CUSTOM` their subclasses.
    ///
    /// # Errors
    /// No name, or one with a character that no event has.
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

    /// Lets through only events whose `header` has this value; several filters widen it.
    ///
    /// # Errors
    /// A header that is no header's name, an empty value, or text that a line cannot carry.
    pub fn filter(header: &str, value: &str) -> Result<Self, CommandError> {
        Self::filtering("filter ", header, value)
    }

    /// Takes one filter back.
    ///
    /// # Errors
    /// As [`Command::filter`].
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

    /// Answers `auth/request` with the password of `event_socket.conf`.
    ///
    /// # Errors
    /// An empty password, or one that a line cannot carry.
    pub fn auth(password: &str) -> Result<Self, CommandError> {
        let mut block = Block::new("auth ");
        let shown = block.len();
        block.push(block::line("password", password)?);
        block.finish(shown)
    }

    /// Answers `auth/request` as a user of the directory.
    ///
    /// # Errors
    /// An empty part, or text that would be read as another part.
    pub fn userauth(user: &str, domain: &str, password: &str) -> Result<Self, CommandError> {
        word("user", user)?;
        word("domain", domain)?;
        let mut block = Block::new("userauth ");
        block.push(user).push("@").push(domain).push(":");
        let shown = block.len();
        block.push(block::line("password", password)?);
        block.finish(shown)
    }

    /// Runs an API command and answers with its output. The socket waits for it.
    ///
    /// # Errors
    /// A name that no API command has, or arguments that a line cannot carry.
    pub fn api(name: &str, args: &str) -> Result<Self, CommandError> {
        Self::calling("api ", name, args)?.finish_shown()
    }

    /// Runs an API command in a thread of its own; its output comes as a
    /// `BACKGROUND_JOB` event under `job_uuid`, of which the switch keeps 36 characters.
    ///
    /// # Errors
    /// As [`Command::api`], and a `job_uuid` that is none.
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

    /// Runs a dialplan application. The reply says that it was queued, not that it was done.
    ///
    /// The switch expands `${…}` in `arg`; a name that is no application hangs the call up.
    ///
    /// # Errors
    /// A name that no application has, an option that is no UUID, an argument with NUL or too long.
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
        let mut command = block.finish_with_argument(arg)?;
        command.queued = true;
        Ok(command)
    }

    /// Hangs the channel up with a cause, `NORMAL_CLEARING`.
    ///
    /// # Errors
    /// A cause with a character that no cause has, a channel that is no UUID.
    pub fn hangup(uuid: Option<&str>, cause: &str) -> Result<Self, CommandError> {
        require(cause, "hangup cause", 64, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'_'
        })?;
        let mut block = Block::sendmsg(uuid)?;
        block.header("call-command", "hangup");
        block.header("hangup-cause", cause);
        let shown = block.len();
        let mut command = block.finish(shown)?;
        command.queued = true;
        Ok(command)
    }

    /// Ends what the channel is playing; `all` throws its queued applications away too.
    ///
    /// # Errors
    /// A channel that is no UUID.
    pub fn break_(uuid: &str, all: bool) -> Result<Self, CommandError> {
        let mut block = Block::new("api uuid_break ");
        block.push(block::uuid(uuid)?);
        if all {
            block.push(" all");
        }
        block.finish_shown()
    }

    /// Sends the channel to an extension of the XML dialplan, at once. What is queued for
    /// it stays queued.
    ///
    /// # Errors
    /// A channel that is no UUID; an extension or context that is no word. `uuid_transfer`
    /// has a grammar: what begins with `-` is an option to it, `inline` a dialplan of commands.
    pub fn transfer(uuid: &str, extension: &str, context: &str) -> Result<Self, CommandError> {
        let mut block = Block::new("api uuid_transfer ");
        block.push(block::uuid(uuid)?);
        block.push(" ").push(&destination(extension, context)?);
        block.finish_shown()
    }

    /// The same as an application: after everything that is queued for the channel.
    ///
    /// # Errors
    /// As [`Command::transfer`].
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

    /// Cancels one scheduled task by its number (`last_sched_id`), never a whole channel's.
    ///
    /// # Errors
    /// A number that the switch cannot have given: FreeSWITCH reads it with `atoi`.
    pub fn sched_del(id: u64) -> Result<Self, CommandError> {
        if id == 0 || id > i32::MAX as u64 {
            return Err(CommandError::BadCharacter {
                what: "task number",
            });
        }
        Ok(Self::shown(format!("api sched_del {id}\n\n")))
    }

    /// Whether the switch only queues it: its effect comes after the commands
    /// that follow. Then leave with [`Command::break_`] without `all`, which would throw it away.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        self.queued
    }

    /// The bytes for the switch.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends the bytes for the switch.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    fn fixed(bytes: &'static [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            shown: bytes.len(),
            queued: false,
        }
    }

    fn shown(text: String) -> Self {
        Self {
            shown: text.len(),
            bytes: Cow::Owned(text.into_bytes()),
            queued: false,
        }
    }
}

/// An extension of the XML dialplan as `transfer` and `uuid_transfer` read it.
fn destination(extension: &str, context: &str) -> Result<String, CommandError> {
    let extension = place("extension", extension)?;
    let context = place("context", context)?;
    Ok(format!("{extension} XML {context}"))
}

/// A name that no grammar of the switch sees more in.
fn place<'a>(what: &'static str, name: &'a str) -> Result<&'a str, CommandError> {
    require(name, what, 256, |byte| {
        byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
    })?;
    match name.as_bytes().first() {
        Some(first) if first.is_ascii_alphanumeric() => Ok(name),
        Some(_) | None => Err(CommandError::BadCharacter { what }),
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
