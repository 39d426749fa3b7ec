//! The clock that decides what is due.

use std::time::Duration;

use switchhook_core::clock;

/// The clock of leases and due times.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The database's clock, so that several instances agree. Use this one.
    Database,
    /// tokio's clock, from `epoch` on: it follows paused time in tests.
    Tokio {
        /// The time at `started`, since 1970.
        epoch: Duration,
        /// When the clock began to run.
        started: tokio::time::Instant,
    },
}

impl Clock {
    /// Returns a clock that is at `epoch` (since 1970) now and runs with tokio's time.
    #[must_use]
    pub fn tokio(epoch: Duration) -> Self {
        Self::Tokio {
            epoch,
            started: tokio::time::Instant::now(),
        }
    }

    /// Returns Unix milliseconds; `None` when the database's clock decides.
    #[must_use]
    pub(crate) fn override_ms(&self) -> Option<i64> {
        match self {
            Self::Database => None,
            Self::Tokio { epoch, started } => Some(millis(*epoch + started.elapsed())),
        }
    }

    /// Holds paused time still while the database works. tokio does not see the database's
    /// threads, and would advance the time to the next timer.
    #[must_use]
    pub(crate) fn hold_still(&self) -> HeldClock {
        match self {
            Self::Database => HeldClock { _work: None },
            Self::Tokio { .. } => {
                let (work, done) = std::sync::mpsc::channel::<()>();
                // Paused time does not advance while a blocking task runs.
                drop(tokio::task::spawn_blocking(move || done.recv()));
                HeldClock { _work: Some(work) }
            }
        }
    }

    /// Returns the time since 1970, for people and receivers.
    #[must_use]
    pub fn since_1970(&self) -> Duration {
        match self {
            Self::Database => clock::since_1970(),
            Self::Tokio { epoch, started } => *epoch + started.elapsed(),
        }
    }
}

/// Holds paused time still until it is dropped; see [`Clock::hold_still`].
#[derive(Debug)]
pub(crate) struct HeldClock {
    _work: Option<std::sync::mpsc::Sender<()>>,
}

/// Returns a duration in milliseconds, as the store keeps it.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the time from `from_ms` to `to_ms`; zero when the clock stepped back.
pub(crate) fn between(from_ms: i64, to_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}
