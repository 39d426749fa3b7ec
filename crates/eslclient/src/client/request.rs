//! What a handle sends to the driver.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::outlet::Outlet;
use crate::codec::Event;
use crate::command::Command;
use crate::error::Error;
use crate::reply::Reply;

/// Commands to send in one write, and where their replies go.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) commands: Vec<Command>,
    pub(super) replies: ReplySender,
    /// What the caller waits for besides the replies. It is in place before the commands leave.
    pub(super) wait: Option<Box<Wait>>,
}

/// Where the replies to a caller's commands go.
pub(super) type ReplySender = oneshot::Sender<Result<Vec<Reply>, Error>>;

/// Where the event that a caller waits for goes.
pub(super) type EventSender = oneshot::Sender<Result<Event, Error>>;

/// What a caller waits for besides the replies.
#[derive(Debug)]
pub(super) enum Wait {
    /// The `BACKGROUND_JOB` event with this UUID.
    Job { uuid: String, result: EventSender },
    /// The end of the application with this `Application-UUID` on a channel.
    Execution {
        id: String,
        channel: String,
        result: EventSender,
    },
    /// Nothing, but the channel must not have been hung up.
    Up { channel: String },
    /// Nothing. From now on it is known why this channel was hung up, that of an outbound socket.
    Session { channel: String },
    /// The events of a channel.
    Channel {
        channel: String,
        outlet: Arc<Outlet>,
    },
}
