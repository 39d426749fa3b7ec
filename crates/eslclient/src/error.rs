//! How a connection or a command fails.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::DecodeError;
use crate::command::CommandError;
use crate::hangup_cause::HangupCause;
use crate::refusal::Refusal;

/// Everything that can fail in this crate.
///
/// The text says what failed, with which value, and how to cure it. [`Error::retry`] says whether
/// another attempt makes sense. An error can be cloned: when a connection ends, every call that
/// waits on it learns why. `Debug` shows the text too, so that `main` may return an error.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The switch closed the connection between two frames, without a word.
    ///
    /// FreeSWITCH does so when it stops, and when a client reads so slowly that more than 500 of
    /// its events were lost (`mod_event_socket.c`).
    #[error("the switch closed the connection with {unanswered} commands unanswered")]
    Closed {
        /// The number of commands without a reply.
        unanswered: u64,
    },
    /// The switch announced the end of the connection and closed it, as it does after `exit`, at
    /// the end of an outbound socket's call, and when it unloads the module.
    #[error(
        "the switch said goodbye and closed the connection with {unanswered} commands unanswered"
    )]
    Goodbye {
        /// The number of commands without a reply.
        unanswered: u64,
    },
    /// The connection ended inside a frame.
    #[error("the connection ended inside a frame, after {bytes} bytes of it")]
    Cut {
        /// The length of the received part of the frame, in bytes.
        bytes: usize,
    },
    /// A read or a write failed.
    #[error("the connection failed: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The peer does not speak Event Socket, or sent a frame beyond the limits.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The peer sent a reply although no command was outstanding.
    #[error("the peer sent a reply without a command: it does not speak Event Socket")]
    UnexpectedReply,
    /// The peer sent another frame than the protocol requires at the start.
    #[error(
        "the peer did not begin as FreeSWITCH does ({expected} was expected): is this the right port?"
    )]
    Handshake {
        /// The expected frame.
        expected: &'static str,
    },
    /// Something was not done in time.
    #[error(
        "{doing} took longer than {within:?}: is the switch overloaded, or is a firewall in between?"
    )]
    Timeout {
        /// What took too long.
        doing: Cow<'static, str>,
        /// The time that was allowed.
        within: Duration,
    },
    /// A background job has not ended in time. It goes on.
    #[error(
        "job {job} has not ended after {within:?} and goes on: wait longer, or end what it does \
         (a call that rings, by `Channel::hangup` with its UUID)"
    )]
    JobRuns {
        /// The job's UUID.
        job: String,
        /// The time that was allowed.
        within: Duration,
    },
    /// The TCP connection failed.
    #[error("cannot connect to {address}: {source}; {}", cure_of_connecting(source.kind()))]
    Connect {
        /// The address.
        address: String,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// Something else than FreeSWITCH's Event Socket answers at an address.
    #[error("{address} does not speak Event Socket: {source}")]
    NotEventSocket {
        /// The address.
        address: String,
        /// What is wrong with the answer.
        source: Box<Self>,
    },
    /// The program cannot listen at an address.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// The dialplan gives this program too little control of its call.
    #[error(
        "the dialplan's socket is {mode:?} with control {control:?}, and `async full` is needed: \
         <action application=\"socket\" data=\"{address} async full\"/>"
    )]
    NotAsyncFull {
        /// The switch's word for the mode, `async` or `static`.
        mode: String,
        /// The switch's word for the control, `full` or `single-channel`.
        control: String,
        /// The address at which this program listens.
        address: String,
    },
    /// The switch's ACL refuses the client's address.
    #[error(
        "the switch refuses this address ({text}): add it to the list that apply-inbound-acl of event_socket.conf.xml names"
    )]
    Denied {
        /// The switch's text.
        text: String,
    },
    /// The password is wrong.
    #[error("the switch rejects the password: use the one in event_socket.conf.xml")]
    BadPassword,
    /// The switch refused a command with `-ERR …` or `-USAGE …`.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The command cannot be built from its inputs.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The connection ended before the reply. The switch may have run the command.
    #[error("the connection to the switch ended before the reply: {cause}")]
    Lost {
        /// Why the connection ended.
        cause: Arc<Self>,
    },
    /// The switch sent nothing for too long, although it was asked for a sign of life.
    #[error(
        "the switch sent nothing for {within:?} although it was asked: is it stopped, or is the network down?"
    )]
    Silent {
        /// The time that was allowed.
        within: Duration,
    },
    /// Events wait that nobody reads, and the reply is behind them. The switch may have run the
    /// command.
    #[error(
        "{waiting} events wait that the program does not read, and the reply is behind them: read or drop `Events`, or choose `WhenFull::Lose`"
    )]
    EventsNotRead {
        /// The number of events that wait.
        waiting: usize,
    },
    /// The switch could not play a file or a stream.
    #[error(
        "the switch answers {response:?} to playback of {file:?}: does it have this file, and the module of this stream?"
    )]
    Playback {
        /// The file, as it was given.
        file: String,
        /// The switch's word: `FILE NOT FOUND` or `PLAYBACK ERROR`.
        response: String,
    },
    /// The channel was hung up before what the program waited for.
    #[error("the channel was hung up{}", cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    HungUp {
        /// Why, if the switch said so.
        cause: Option<HangupCause>,
    },
}

/// Returns what to look at when a connection fails.
fn cure_of_connecting(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::InvalidInput {
        return "write the address as HOST or HOST:PORT";
    }
    "is the host right, is FreeSWITCH running, and do listen-ip and listen-port of \
     event_socket.conf.xml match this address?"
}

/// Whether another attempt makes sense, from [`Error::retry`].
///
/// | | Errors |
/// |---|---|
/// | `No` | [`Error::BadPassword`], [`Error::Denied`], [`Error::Refused`], [`Error::Command`], [`Error::Listen`], [`Error::NotAsyncFull`], [`Error::Playback`], [`Error::HungUp`], a limit that was passed, an address that is none |
/// | `Later` | [`Error::Timeout`], [`Error::JobRuns`], [`Error::EventsNotRead`] |
/// | `Reconnect` | all others; [`Error::Lost`] as its cause |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same attempt fails again. The text of the error says what to change.
    No,
    /// The connection is well. The same command may succeed later.
    Later,
    /// The connection is gone. A new one may succeed.
    Reconnect,
}

impl Error {
    /// Returns whether another attempt makes sense.
    ///
    /// A command whose reply is missing may have run. Repeat it only if running it twice does no
    /// harm.
    ///
    /// ```
    /// use eslclient::{Error, Retry};
    ///
    /// assert_eq!(Error::BadPassword.retry(), Retry::No);
    /// assert_eq!(Error::Closed { unanswered: 0 }.retry(), Retry::Reconnect);
    /// ```
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Lost { cause } => cause.retry(),
            Self::Decode(error) if error.is_limit() => Retry::No,
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::InvalidInput => {
                Retry::No
            }
            Self::BadPassword
            | Self::Denied { .. }
            | Self::Refused(_)
            | Self::Command(_)
            | Self::Listen { .. }
            | Self::NotAsyncFull { .. }
            | Self::Playback { .. }
            | Self::HungUp { .. } => Retry::No,
            Self::Timeout { .. } | Self::JobRuns { .. } | Self::EventsNotRead { .. } => {
                Retry::Later
            }
            Self::Closed { .. }
            | Self::Goodbye { .. }
            | Self::Cut { .. }
            | Self::Io(_)
            | Self::Decode(_)
            | Self::UnexpectedReply
            | Self::Handshake { .. }
            | Self::Connect { .. }
            | Self::NotEventSocket { .. }
            | Self::Silent { .. } => Retry::Reconnect,
        }
    }

    /// Returns the switch's refusal, if that is the error.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        if let Self::Refused(refusal) = self {
            Some(refusal)
        } else {
            None
        }
    }

    /// Adds the address to an error of a peer that does not speak Event Socket.
    pub(crate) fn at(self, address: &str) -> Self {
        let is_other = matches!(&self, Self::Handshake { .. } | Self::UnexpectedReply)
            || matches!(&self, Self::Decode(error) if !error.is_limit());
        if !is_other {
            return self;
        }
        Self::NotEventSocket {
            address: address.to_owned(),
            source: Box::new(self),
        }
    }

    /// Wraps why a connection ended for a call that waits on it.
    pub(crate) fn lost(cause: &Arc<Self>) -> Self {
        Self::Lost {
            cause: Arc::clone(cause),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
