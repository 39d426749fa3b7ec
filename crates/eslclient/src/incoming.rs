//! What the switch sends: replies, events and notices.

use std::borrow::Cow;
use std::time::Duration;

use crate::codec::{Event, Frame};
use crate::reply::Reply;

/// The identity of a queued command. Its reply carries the same ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// One frame from the switch.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "a reply may be a refusal, and a notice may be the end"]
pub enum Incoming {
    /// The reply to the command with this ticket. Replies arrive in the order of the commands.
    Reply(Ticket, Reply),
    /// An event.
    Event(Event),
    /// The call has ended, or the connection is about to end.
    Notice(Notice),
    /// The switch's ACL refuses the client's address. The switch closes the connection next.
    Rejection(String),
    /// Port 8021 requests the password.
    AuthRequest,
    /// Any other frame: log lines, XML events, frames of a later FreeSWITCH.
    Other(Frame),
}

/// The content of a `text/disconnect-notice`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The call was hung up. The socket stays open for the last events.
    Linger {
        /// The channel's UUID.
        session: Option<String>,
        /// The time until the switch closes it; `None` means until the client does.
        closes_in: Option<Duration>,
    },
    /// The switch closes the connection next.
    Disconnected {
        /// The channel's UUID, on an outbound socket.
        session: Option<String>,
    },
}

impl Notice {
    /// Returns the UUID of the channel whose call ended, on an outbound socket.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Linger { session, .. } | Self::Disconnected { session } => session.as_deref(),
        }
    }

    pub(crate) fn of(frame: &Frame) -> Self {
        let session = frame.header("Controlled-Session-UUID").map(Cow::into_owned);
        match frame.header("Content-Disposition").as_deref() {
            Some("linger") => Self::Linger {
                session,
                closes_in: frame
                    .header("Linger-Time")
                    .and_then(|seconds| seconds.parse().ok().map(Duration::from_secs)),
            },
            Some(_) | None => Self::Disconnected { session },
        }
    }
}
