//! Whose clock decides what is due.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of leases and due times.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The database's own, so that several instances agree. The one to use.
    Database,
    /// tokio's, from `epoch` on: follows paused time in tests.
    Tokio {
        /// What the time was at `started`, since 1970.
        epoch: Duration,
        /// When this clock began to run.
        started: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock that begins at `epoch` (since 1970) now and runs with tokio's time.
    #[must_use]
    pub fn tokio(epoch: Duration) -> Self {
        Self::Tokio {
            epoch,
            started: tokio::time::Instant::now(),
        }
    }

    /// Milliseconds since 1970, or `None` when the database is to be asked.
    #[must_use]
    pub(crate) fn override_ms(&self) -> Option<i64> {
        match self {
            Self::Database => None,
            Self::Tokio { epoch, started } => Some(millis(*epoch + started.elapsed())),
        }
    }

    /// Keeps paused time still while the database works: its threads are none
    /// of tokio's, which would think that there is nothing to wait for but timers.
    #[must_use]
    pub(crate) fn hold_still(&self) -> HeldClock {
        match self {
            Self::Database => HeldClock { _work: None },
            Self::Tokio { .. } => {
                let (work, done) = std::sync::mpsc::channel::<()>();
                // Time does not advance by itself while such a task runs.
                drop(tokio::task::spawn_blocking(move || done.recv()));
                HeldClock { _work: Some(work) }
            }
        }
    }

    /// The time for people and receivers, since 1970.
    #[must_use]
    pub fn since_1970(&self) -> Duration {
        match self {
            Self::Database => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            Self::Tokio { epoch, started } => *epoch + started.elapsed(),
        }
    }
}

/// See [`Clock::hold_still`].
#[derive(Debug)]
pub(crate) struct HeldClock {
    _work: Option<std::sync::mpsc::Sender<()>>,
}

/// A duration as the store keeps it.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The time from `from_ms` to `to_ms`; none when the clock stepped back.
pub(crate) fn between(from_ms: i64, to_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}
