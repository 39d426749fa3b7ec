//! Slows down peers that guess tokens and passwords.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tracing::warn;

use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;

/// What one wrong attempt adds to the time in which an address is slowed.
const PER_FAILURE: Duration = Duration::from_secs(1);
/// Wrong attempts that an address may make at once.
const FREE: u32 = 10;
/// The pause before an attempt of a slowed address is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Attempts that may pause at once; a further one is refused.
const PAUSING: usize = 32;
/// Addresses that are remembered.
const ADDRESSES: usize = 4096;

/// The wrong attempts of each address.
pub(crate) struct AttemptLimiter {
    /// When the wrong attempts of an address are forgotten.
    forgotten_at: Mutex<HashMap<IpAddr, Instant>>,
    pausing: Arc<Semaphore>,
}

impl Default for AttemptLimiter {
    fn default() -> Self {
        Self {
            forgotten_at: Mutex::default(),
            pausing: Arc::new(Semaphore::new(PAUSING)),
        }
    }
}

/// Too many attempts of this kind are waiting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyAttempts;

impl AttemptLimiter {
    /// Makes an address that has failed too often wait before its next attempt is looked at.
    ///
    /// # Errors
    /// Too many attempts wait already.
    pub(crate) async fn admit(&self, peer: IpAddr) -> Result<(), TooManyAttempts> {
        if !self.is_slowed(peer, Instant::now()) {
            return Ok(());
        }
        let Ok(_pausing) = self.pausing.try_acquire() else {
            counter!(metric_names::REJECTED_REQUESTS, "reason" => "too_many").increment(1);
            return Err(TooManyAttempts);
        };
        sleep(PAUSE).await;
        Ok(())
    }

    /// Notes, counts and logs a wrong attempt; `reason` is the metric's label. Returns whether it was
    /// logged: a flood is not.
    pub(crate) fn failed(&self, peer: IpAddr, reason: &'static str) -> bool {
        static LOG_LINES: LogThrottle = LogThrottle::per_minute(6);
        counter!(metric_names::REJECTED_REQUESTS, "reason" => reason).increment(1);
        let mut logged = false;
        LOG_LINES.log(|left_out| {
            logged = true;
            warn!(%peer, reason, left_out, "a request with a wrong token or password was refused");
        });
        let now = Instant::now();
        let mut all = self.lock();
        if all.len() >= ADDRESSES {
            all.retain(|_, until| *until > now);
        }
        let is_full = all.len() >= ADDRESSES;
        let key = if is_full {
            network(peer, true)
        } else {
            network(peer, false)
        };
        let until = all.entry(key).or_insert(now);
        *until = (*until).max(now) + PER_FAILURE;
        logged
    }

    fn is_slowed(&self, peer: IpAddr, now: Instant) -> bool {
        let all = self.lock();
        let keys = [network(peer, false), network(peer, true)];
        let until = keys.iter().filter_map(|key| all.get(key)).max();
        until.is_some_and(|until| until.saturating_duration_since(now) > PER_FAILURE * FREE)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.forgotten_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what counts as one address: the network of an IPv6 address. With `all`, every address of
/// the internet counts as one, when there are too many to remember each.
fn network(peer: IpAddr, all: bool) -> IpAddr {
    match peer.to_canonical() {
        _ if all => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        address @ IpAddr::V4(_) => address,
    }
}

impl TooManyAttempts {
    /// Returns the response.
    pub(crate) fn respond(&self) -> Response {
        let later = [(header::RETRY_AFTER, "2")];
        let message = "too many wrong attempts from this address; try again later\n";
        (StatusCode::TOO_MANY_REQUESTS, later, message).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_attempts_slow_their_address_and_no_other() {
        let attempts = AttemptLimiter::default();
        let began = Instant::now();
        for _ in 0..=FREE {
            assert_eq!(attempts.admit(address(1)).await, Ok(()));
            attempts.failed(address(1), "token");
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "eleven at once");
        assert_eq!(attempts.admit(address(2)).await, Ok(()));
        assert_eq!(began.elapsed(), Duration::ZERO, "another address");
        assert_eq!(attempts.admit(address(1)).await, Ok(()));
        assert_eq!(began.elapsed(), PAUSE);
        sleep(PER_FAILURE * (FREE + 1)).await;
        let later = Instant::now();
        assert_eq!(attempts.admit(address(1)).await, Ok(()));
        assert_eq!(later.elapsed(), Duration::ZERO, "forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_a_few_attempts_pause_at_once() {
        let attempts = Arc::new(AttemptLimiter::default());
        (0..100).for_each(|_| {
            attempts.failed(address(1), "token");
        });
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let attempts = Arc::clone(&attempts);
            all.spawn(async move { attempts.admit(address(1)).await });
        }
        let results = all.join_all().await;
        let admitted = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(admitted, PAUSING);
    }

    #[test]
    fn the_memory_of_addresses_is_bounded() {
        let attempts = AttemptLimiter::default();
        for number in 0..20_000_u32 {
            attempts.failed(IpAddr::from(number.to_be_bytes()), "token");
        }
        assert!(attempts.lock().len() <= ADDRESSES + 1);
        // One of a network of IPv6 is the whole network.
        let [one, other] = ["2001:db8::1", "2001:db8::ffff:2"].map(|text| text.parse().unwrap());
        assert_eq!(network(one, false), network(other, false));
    }
}
