//! A channel shared by its call and everybody who steers it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Channel;

/// A channel that several connections may reach.
#[derive(Debug)]
pub(in crate::switch) struct Leg {
    /// Its Unique-ID.
    pub uuid: String,
    channel: Mutex<Channel>,
    /// Somebody else did something to the channel.
    pub wake: Notify,
    /// Its conversation has lasted long enough.
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

    /// The channel, for a moment; never across a wait.
    pub(in crate::switch) fn lock(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
