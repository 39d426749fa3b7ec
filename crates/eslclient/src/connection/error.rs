//! How a connection fails, and what to do about it.

use std::io;
use std::time::Duration;

use crate::codec::DecodeError;
use crate::command::CommandError;

/// Why a connection cannot be opened or is over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The switch closed the connection between two frames: the ordinary end.
    #[error("the switch closed the connection, {unanswered} commands unanswered")]
    Closed {
        /// Commands whose reply never came.
        unanswered: u64,
    },
    /// The connection ended inside a frame.
    #[error("the connection ended inside a frame, {bytes} bytes of it had come")]
    Cut {
        /// Bytes of the frame that had come.
        bytes: usize,
    },
    /// Reading or writing failed.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The peer does not speak Event Socket, or beyond the limits.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A reply to no command.
    #[error("the peer sent a reply to no command: it does not speak Event Socket")]
    UnexpectedReply,
    /// The peer said something else than the protocol has at this place.
    #[error(
        "the peer did not begin as FreeSWITCH does ({expected} was expected): is this the right port?"
    )]
    Handshake {
        /// What should have come.
        expected: &'static str,
    },
    /// The deadline of opening the connection passed.
    #[error(
        "{doing} took longer than {within:?}: is the switch overloaded, or a firewall in between?"
    )]
    Timeout {
        /// What was going on.
        doing: &'static str,
        /// The deadline.
        within: Duration,
    },
    /// No TCP connection came about.
    #[error(
        "cannot connect to {address}: {source}; is FreeSWITCH running, and do listen-ip and listen-port of event_socket.conf say so?"
    )]
    Connect {
        /// Where to.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The switch's ACL does not let us in.
    #[error(
        "the switch does not let this address in ({text}): add it to the list that apply-inbound-acl of event_socket.conf names"
    )]
    Denied {
        /// What the switch said.
        text: String,
    },
    /// The password is wrong.
    #[error("the switch does not take the password: it is the one in event_socket.conf")]
    BadPassword,
    /// The switch refused `connect`.
    #[error("the switch refused to hand the call over: {text}")]
    Refused {
        /// What the switch said.
        text: String,
    },
    /// The password cannot be sent at all.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl Error {
    /// The error again, for one that was kept.
    pub(super) fn from_io(kept: &io::Error) -> Self {
        Self::Io(io::Error::new(kept.kind(), kept.to_string()))
    }
}
