//! A call on an outbound socket.

use std::net::SocketAddr;

use crate::client::{Channel, Events};
use crate::codec::Event;
use crate::error::Error;

/// Whether the dialplan's `socket` waits for each application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Commands run while an application runs.
    Async,
    /// Each application blocks the next command.
    Sync,
}

impl Mode {
    pub(super) fn of(data: &Event) -> Self {
        match data.get("Socket-Mode").as_deref() {
            Some("async") => Self::Async,
            Some(_) | None => Self::Sync,
        }
    }
}

/// What the dialplan's `socket` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Control {
    /// Every command.
    Full,
    /// Messages to the own channel only.
    SingleChannel,
}

impl Control {
    pub(super) fn of(data: &Event) -> Self {
        match data.get("Control").as_deref() {
            Some("full") => Self::Full,
            Some(_) | None => Self::SingleChannel,
        }
    }
}

/// A call on an outbound socket.
///
/// The socket closes when it and every clone of its `channel` are dropped. Then the call goes on
/// with the next action if the channel variable `socket_resume` is `true`; else it stays parked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call {
    /// Control of the call's channel.
    pub channel: Channel,
    /// The channel's events, from this moment on.
    pub events: Events,
    /// The channel's data at the beginning.
    pub data: Event,
    /// The mode of the socket.
    pub mode: Mode,
    /// The control that the dialplan gives.
    pub control: Control,
    /// The address of the switch.
    pub peer: SocketAddr,
}

impl Call {
    /// Returns the call's channel UUID.
    #[must_use]
    pub fn uuid(&self) -> &str {
        self.channel.uuid()
    }

    /// Gives the call back to its dialplan, which goes on with the next action.
    ///
    /// [`Channel::release`] does the same when a part of this struct was moved elsewhere. Do not
    /// call it after a transfer: the channel would be stuck (measured). Drop the call instead.
    ///
    /// # Errors
    /// The errors of [`Client::command`](crate::Client::command).
    pub async fn release(self) -> Result<(), Error> {
        self.channel.release().await
    }
}
