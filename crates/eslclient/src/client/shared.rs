//! What the driver shares with handles and readers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// What the driver shares with handles and readers.
#[derive(Debug)]
pub(super) struct Shared {
    start: Instant,
    /// Why the connection ended. The driver writes it before any caller learns of the end.
    end: OnceLock<Arc<Error>>,
    /// Whether reading is paused, and since when, in microseconds after `start`.
    paused: AtomicBool,
    since: AtomicU64,
    driver: Mutex<Option<Waker>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            end: OnceLock::new(),
            paused: AtomicBool::new(false),
            since: AtomicU64::new(0),
            driver: Mutex::new(None),
        }
    }

    pub(super) fn set_end(&self, cause: Error) {
        // The first cause is the true one.
        let _ = self.end.set(Arc::new(cause));
    }

    /// Returns the cause. Without one the task was stopped with its runtime.
    pub(super) fn end(&self) -> Arc<Error> {
        let cause = self.end.get().cloned();
        cause.unwrap_or_else(|| Arc::new(Error::Closed { unanswered: 0 }))
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// Returns the error of a call that waits for the switch.
    pub(super) fn lost(&self) -> Error {
        Error::lost(&self.end())
    }

    /// Records whether the socket is read.
    pub(super) fn record(&self, reading: bool) {
        if self.paused.load(Ordering::Relaxed) == reading {
            let now = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.since.store(now, Ordering::Relaxed);
            // A reader that took an event before this point wakes nobody, so the driver looks at
            // the queues after it.
            self.paused.store(!reading, Ordering::SeqCst);
        }
    }

    /// Returns for how long the socket has not been read.
    pub(super) fn stalled(&self) -> Duration {
        if !self.paused.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let since = Duration::from_micros(self.since.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(since)
    }

    /// Has the driver woken when a reader takes an event or goes.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *driver {
            Some(waker) => waker.clone_from(cx.waker()),
            empty @ None => *empty = Some(cx.waker().clone()),
        }
    }

    pub(super) fn wake_if_paused(&self) {
        if self.paused.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*driver {
            waker.wake_by_ref();
        }
    }
}
