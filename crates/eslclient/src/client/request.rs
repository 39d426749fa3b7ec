//! What a handle sends to the driver.

use tokio::sync::oneshot;

use crate::command::Command;
use crate::reply::Reply;

/// Commands to send in one write, and where their replies go.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) commands: Vec<Command>,
    pub(super) replies: oneshot::Sender<Vec<Reply>>,
}
