//! Which connections a request goes over.
//!
//! The HTTP client keeps one HTTP/2 connection to a host, and what is more than the server's
//! `SETTINGS_MAX_CONCURRENT_STREAMS` waits there for others to be answered, although the
//! server would take another connection (hyper#2197, reqwest#976). So there are several
//! clients, the *lanes*: the first takes the first N requests to a host that are in flight,
//! the next the next N. A request takes the lowest lane with room, so that the higher ones
//! run empty, are idle, and are dropped.
//!
//! N is the webhook's own setting: what the server allows is not to be learnt from the
//! client, and comes after the first requests. Over HTTP/1.1 a request has its connection
//! for itself in whatever lane; without TLS nothing but HTTP/1.1 is spoken, so these are
//! not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use url::{Position, Url};

use super::ClientError;
use super::client_factory::{ClientFactory, KEPT};

/// The lanes of one kind of connections.
pub(super) struct H2Pool {
    factory: ClientFactory,
    /// Always there.
    first: reqwest::Client,
    shared: Mutex<Shared>,
}

/// No more than the requests in flight need, and what they needed a moment ago.
#[derive(Default)]
struct Shared {
    /// The second lane and those above it.
    extra: Vec<PoolClient>,
    /// Requests in flight to each host, on each lane up to the last that has some.
    in_flight_by_host: HashMap<Arc<str>, Vec<usize>>,
}

struct PoolClient {
    http: reqwest::Client,
    in_flight: usize,
    /// When its last request was over.
    last_used: Instant,
}

/// A request's place; given back when dropped.
pub(super) struct Permit {
    pub(super) http: reqwest::Client,
    slot: Option<PermitSlot>,
}

struct PermitSlot {
    pool: Arc<H2Pool>,
    host: Arc<str>,
    index: usize,
}

impl H2Pool {
    pub(super) fn new(factory: ClientFactory) -> Result<Self, ClientError> {
        Ok(Self {
            first: factory.build()?,
            factory,
            shared: Mutex::default(),
        })
    }

    /// A place for a request to `url`, on a lane with fewer than `per_client` to its host.
    pub(super) fn acquire(
        self: &Arc<Self>,
        url: &Url,
        per_client: usize,
    ) -> Result<Permit, ClientError> {
        if url.scheme() != "https" {
            let (http, slot) = (self.first.clone(), None);
            return Ok(Permit { http, slot });
        }
        let mut shared = self.shared();
        let take_idle = shared.take_idle(Instant::now());
        let host = &url[Position::BeforeHost..Position::BeforePath];
        let index = shared.lowest_with_room(host, per_client);
        let http = match index.checked_sub(1) {
            None => self.first.clone(),
            Some(extra) => shared.use_client(extra, &self.factory)?,
        };
        let slot = Some(PermitSlot {
            host: shared.count(host, index),
            pool: Arc::clone(self),
            index,
        });
        drop(shared);
        // Their connections are closed without the lock.
        drop(take_idle);
        Ok(Permit { http, slot })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Takes away the highest lanes, as long as they were not used for so long that their
    /// connections are closed anyway.
    fn take_idle(&mut self, now: Instant) -> Vec<PoolClient> {
        let used =
            |index: &PoolClient| index.in_flight > 0 || now.duration_since(index.last_used) < KEPT;
        let keep = self.extra.iter().rposition(used);
        self.extra.split_off(keep.map_or(0, |last| last + 1))
    }

    fn lowest_with_room(&self, host: &str, per_client: usize) -> usize {
        let in_flight_by_host = self
            .in_flight_by_host
            .get(host)
            .map_or(&[][..], Vec::as_slice);
        let with_room = in_flight_by_host
            .iter()
            .position(|&in_flight_by_host| in_flight_by_host < per_client);
        with_room.unwrap_or(in_flight_by_host.len())
    }

    /// One more request on this lane, which is there or the next to be made.
    fn use_client(
        &mut self,
        extra: usize,
        factory: &ClientFactory,
    ) -> Result<reqwest::Client, ClientError> {
        if extra == self.extra.len() {
            self.extra.push(PoolClient {
                http: factory.build()?,
                in_flight: 0,
                last_used: Instant::now(),
            });
        }
        let index = &mut self.extra[extra];
        index.in_flight += 1;
        Ok(index.http.clone())
    }

    fn count(&mut self, host: &str, index: usize) -> Arc<str> {
        let known = self.in_flight_by_host.get_key_value(host);
        let host = known.map_or_else(|| host.into(), |(known, _)| Arc::clone(known));
        let in_flight_by_host = self.in_flight_by_host.entry(Arc::clone(&host)).or_default();
        if index == in_flight_by_host.len() {
            in_flight_by_host.push(0);
        }
        in_flight_by_host[index] += 1;
        host
    }

    fn release(&mut self, host: &str, index: usize) {
        if let Some(extra) = index.checked_sub(1) {
            let index = &mut self.extra[extra];
            index.in_flight -= 1;
            index.last_used = Instant::now();
        }
        let Some(in_flight_by_host) = self.in_flight_by_host.get_mut(host) else {
            return;
        };
        in_flight_by_host[index] -= 1;
        let last = in_flight_by_host
            .iter()
            .rposition(|&in_flight_by_host| in_flight_by_host > 0);
        in_flight_by_host.truncate(last.map_or(0, |last| last + 1));
        if in_flight_by_host.is_empty() {
            self.in_flight_by_host.remove(host);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(PermitSlot { pool, host, index }) = &self.slot {
            pool.shared().release(host, *index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemLookup;
    use crate::egress::Egress;
    use crate::resolve::EgressResolver;
    use std::time::Duration;

    fn pool() -> Arc<H2Pool> {
        let egress = Egress::default();
        let guard = EgressResolver::new(Arc::new(egress.clone()), Arc::new(SystemLookup));
        let factory = ClientFactory::new(&egress, &Arc::new(guard), None).unwrap();
        Arc::new(H2Pool::new(factory).unwrap())
    }

    fn acquire(pool: &Arc<H2Pool>, url: &str, per_client: usize) -> Permit {
        pool.acquire(&url.parse().unwrap(), per_client).unwrap()
    }

    fn index(permit: &Permit) -> usize {
        permit.slot.as_ref().unwrap().index
    }

    #[tokio::test(start_paused = true)]
    async fn the_lowest_lane_with_room_is_taken_and_hosts_are_counted_by_themselves() {
        let pool = pool();
        let one = |per_client| acquire(&pool, "https://one.example/callers?a=1", per_client);
        let mut permits: Vec<Permit> = (0..7).map(|_| one(3)).collect();
        let in_flight_by_host: Vec<usize> = permits.iter().map(index).collect();
        assert_eq!(in_flight_by_host, [0, 0, 0, 1, 1, 1, 2]);
        assert_eq!(index(&acquire(&pool, "https://two.example/", 3)), 0);
        assert_eq!(index(&acquire(&pool, "https://one.example:8443/", 3)), 0);
        assert_eq!(index(&one(1)), 3, "another webhook of the same host");
        drop(permits.remove(1));
        assert_eq!(index(&one(3)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_are_dropped_when_idle_and_nothing_of_a_host_stays() {
        let pool = pool();
        let one = |_| acquire(&pool, "https://one.example/", 1);
        let mut permits: Vec<Permit> = (0..5).map(one).collect();
        let extra = || pool.shared().extra.len();
        assert_eq!(extra(), 4);
        let kept = permits.remove(2);
        drop(permits);
        tokio::time::advance(KEPT - Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(extra(), 4, "used a moment ago");
        tokio::time::advance(Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(extra(), 2, "up to the one that is in use");
        drop(kept);
        tokio::time::advance(KEPT).await;
        drop(one(0));
        assert_eq!(extra(), 0);
        assert!(pool.shared().in_flight_by_host.is_empty());
    }

    #[tokio::test]
    async fn what_has_no_http_2_is_not_counted() {
        let pool = pool();
        let permit = acquire(&pool, "http://one.example/", 1);
        assert!(permit.slot.is_none() && pool.shared().in_flight_by_host.is_empty());
    }
}
