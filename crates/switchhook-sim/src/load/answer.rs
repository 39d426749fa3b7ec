//! Holds the answer of the load table's webhook and the time at which each call got it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Body of the answer. A handler that maps variables finds a name and a queue in it.
pub(super) const BODY: &str = "{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";
/// Complete HTTP/1.1 answer.
pub(super) const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";

/// Records when each call's answer was written.
#[derive(Debug)]
pub(super) struct Stamps {
    base: Instant,
    delay: Duration,
    /// Nanoseconds since `base`; 0 until the answer is written.
    nanos: Vec<AtomicU64>,
}

impl Stamps {
    /// Creates the record for a number of calls, each answered after `delay`.
    pub(super) fn new(calls: u64, delay: Duration) -> Self {
        Self {
            base: Instant::now(),
            delay,
            nanos: (0..calls).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Waits until the answer is due and records the current time as its time of writing. The time
    /// is taken before the write, because the program may act on the answer before the write
    /// returns.
    pub(super) async fn wait(&self, number: Option<usize>) {
        sleep(self.delay).await;
        if let Some(stamp) = number.and_then(|number| self.nanos.get(number)) {
            let nanos = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
            stamp.store(nanos, Ordering::Relaxed);
        }
    }
    /// Returns when the call's answer was written.
    pub(super) fn written(&self, number: usize) -> Option<Instant> {
        match self.nanos.get(number)?.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.base + Duration::from_nanos(nanos)),
        }
    }
}

/// Returns the call's number from a text that contains it.
pub(super) fn number_in(bytes: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(bytes, b"lab-")? + 4;
    let digits = bytes[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(&bytes[at..at + digits])
        .ok()?
        .parse()
        .ok()
}
