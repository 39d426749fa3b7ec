//! How far the receiver of events is behind.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How far the receiver of events is behind. The driver writes it, handles read it.
#[derive(Debug)]
pub(super) struct Lag {
    start: Instant,
    /// The number of events read from the socket that have no room in the receiver's channel.
    backlog: AtomicUsize,
    /// When reading paused, in microseconds after `start`; 0 while the socket is read.
    paused: AtomicU64,
}

impl Lag {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            backlog: AtomicUsize::new(0),
            paused: AtomicU64::new(0),
        }
    }

    /// Records the state of the driver.
    pub(super) fn record(&self, backlog: usize, reading: bool) {
        self.backlog.store(backlog, Ordering::Relaxed);
        if reading {
            self.paused.store(0, Ordering::Relaxed);
        } else if self.paused.load(Ordering::Relaxed) == 0 {
            let now = self.start.elapsed().as_micros();
            let now = u64::try_from(now).unwrap_or(u64::MAX).max(1);
            self.paused.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Returns for how long reading has been paused.
    pub(super) fn stalled(&self) -> Duration {
        match self.paused.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => {
                let now = self.start.elapsed();
                now.saturating_sub(Duration::from_micros(since))
            }
        }
    }
}
