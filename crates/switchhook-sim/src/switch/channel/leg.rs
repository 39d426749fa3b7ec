//! Shares a channel between its call and the connections that control it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Channel;

/// A channel that several connections may reach.
#[derive(Debug)]
pub(in crate::switch) struct Leg {
    /// The channel's Unique-ID.
    pub uuid: String,
    channel: Mutex<Channel>,
    /// Wakes the call after another connection changed the channel.
    pub wake: Notify,
    /// Ends the conversation, which has lasted long enough.
    pub enough: Notify,
}

impl Leg {
    pub(in crate::switch) fn new(channel: Channel) -> Self {
        Self {
            uuid: channel.uuid.clone(),
            channel: Mutex::new(channel),
            wake: Notify::new(),
            enough: Notify::new(),
        }
    }

    /// Locks the channel. Do not hold the lock across an `await`.
    pub(in crate::switch) fn lock(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
