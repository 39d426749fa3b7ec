//! The answer of the load table's webhook, and when each call got it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// What is in the answer: whoever maps something finds a name and a queue.
pub(super) const BODY: &str = "{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";
/// The whole answer over HTTP/1.1.
pub(super) const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";

/// When each call's answer was written.
#[derive(Debug)]
pub(super) struct Stamps {
    base: Instant,
    delay: Duration,
    /// Nanoseconds since `base`; 0 when not yet.
    nanos: Vec<AtomicU64>,
}

impl Stamps {
    /// For so many calls, each answered after `delay`.
    pub(super) fn new(calls: u64, delay: Duration) -> Self {
        Self {
            base: Instant::now(),
            delay,
            nanos: (0..calls).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Waits until the answer is due, and notes that it goes out now: the program may act
    /// on it before our write returns.
    pub(super) async fn wait(&self, number: Option<usize>) {
        sleep(self.delay).await;
        if let Some(stamp) = number.and_then(|number| self.nanos.get(number)) {
            let nanos = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
            stamp.store(nanos, Ordering::Relaxed);
        }
    }
    /// When the call's answer was written.
    pub(super) fn written(&self, number: usize) -> Option<Instant> {
        match self.nanos.get(number)?.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.base + Duration::from_nanos(nanos)),
        }
    }
}

/// The call's number in one text.
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
