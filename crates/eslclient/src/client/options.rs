//! How a client behaves.

use std::time::Duration;

/// What a client does with events that the program does not read in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// The client stops reading. The switch queues further events: 100,000 for each connection,
    /// and it closes a connection that lost more than 500 (`mod_event_socket.c`).
    ///
    /// While something waits for the switch (a reply, a job, an application), the client reads up
    /// to 4,096 events ahead. If that is not enough, what waits fails with
    /// [`Error::EventsNotRead`](crate::Error::EventsNotRead).
    #[default]
    HoldBack,
    /// The client goes on reading and drops the newest events. [`Events::lost`](crate::Events::lost)
    /// counts them.
    Lose,
}

/// How a [`Client`](crate::Client) behaves.
///
/// ```
/// use std::time::Duration;
///
/// use eslclient::{ClientOptions, WhenFull};
///
/// let options = ClientOptions::default()
///     .capacity(10_000)
///     .when_full(WhenFull::Lose)
///     .deadline(Duration::from_secs(5));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct ClientOptions {
    pub(super) capacity: usize,
    pub(super) when_full: WhenFull,
    pub(super) deadline: Option<Duration>,
    pub(super) keep_alive: Option<Duration>,
    pub(super) patience: Duration,
}

impl Default for ClientOptions {
    /// Returns 1,000 events, [`WhenFull::HoldBack`], 30 s for a reply, 30 s for a sign of life,
    /// and 10 s of patience with events that are not read.
    fn default() -> Self {
        Self {
            capacity: 1000,
            when_full: WhenFull::HoldBack,
            deadline: Some(Duration::from_secs(30)),
            keep_alive: Some(Duration::from_secs(30)),
            patience: Duration::from_secs(10),
        }
    }
}

impl ClientOptions {
    /// Sets the number of events that may wait to be read: at least 1, 1,000 by default.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events.max(1);
        self
    }

    /// Sets what happens to more events than that.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets how long a command may wait for its reply; 30 s by default. [`Client::within`](crate::Client::within)
    /// sets another time for one command.
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Sets how long the switch may be silent before the client asks for a sign of life; 30 s by
    /// default, `None` never.
    ///
    /// A switch that is silent for as long again counts as gone: [`Error::Silent`](crate::Error::Silent).
    pub fn keep_alive(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = silence.into();
        self
    }

    /// Sets how long a command may be blocked by events that the program does not read, before
    /// [`Error::EventsNotRead`](crate::Error::EventsNotRead); 10 s by default.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}
