//! How a connection fails.

use std::io;
use std::time::Duration;

use crate::codec::DecodeError;
use crate::command::CommandError;

/// Why a connection cannot be opened, or why it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The switch closed the connection between two frames, the normal end.
    #[error("the switch closed the connection with {unanswered} commands unanswered")]
    Closed {
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
    Io(#[from] io::Error),
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
    /// The connection could not be opened in time.
    #[error(
        "{doing} took longer than {within:?}: is the switch overloaded, or is a firewall in between?"
    )]
    Timeout {
        /// The step that took too long.
        doing: &'static str,
        /// The time that was allowed.
        within: Duration,
    },
    /// The TCP connection failed.
    #[error(
        "cannot connect to {address}: {source}; is FreeSWITCH running, and do listen-ip and listen-port of event_socket.conf match this address?"
    )]
    Connect {
        /// The address.
        address: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The switch's ACL refuses the client's address.
    #[error(
        "the switch refuses this address ({text}): add it to the list that apply-inbound-acl of event_socket.conf names"
    )]
    Denied {
        /// The switch's text.
        text: String,
    },
    /// The password is wrong.
    #[error("the switch rejects the password: use the one in event_socket.conf")]
    BadPassword,
    /// The switch refused `connect`.
    #[error("the switch refused connect: {text}")]
    Refused {
        /// The switch's text.
        text: String,
    },
    /// The password cannot be sent, such as one with a line end.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl Error {
    /// Copies a stored error, because [`io::Error`] cannot be cloned.
    pub(crate) fn from_io(kept: &io::Error) -> Self {
        Self::Io(io::Error::new(kept.kind(), kept.to_string()))
    }
}
