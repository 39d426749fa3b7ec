//! Spreads HTTP/2 requests over several clients, and so over several connections per host.
//!
//! The HTTP client keeps one HTTP/2 connection per host. Requests beyond the server's
//! `SETTINGS_MAX_CONCURRENT_STREAMS` wait there for earlier responses, although the server would
//! accept another connection (hyper#2197, reqwest#976). So the pool holds several clients. A
//! request takes the first client with fewer than N requests to its host in flight, so that the
//! last clients become idle and are dropped.
//!
//! N is a setting of the webhook, because the client does not tell the server's limit, and the
//! limit arrives after the first requests. Over HTTP/1.1 each request has a connection of its own
//! on any client; without TLS only HTTP/1.1 is used, so those requests are not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use url::{Position, Url};

use super::ClientError;
use super::client_factory::{ClientFactory, IDLE_TIMEOUT};

/// The clients for one kind of connections.
pub(super) struct H2Pool {
    factory: ClientFactory,
    /// Never dropped.
    first: reqwest::Client,
    shared: Mutex<Shared>,
}

/// Clients beyond the first, and the requests on all clients. Bounded by the requests in flight
/// and by those of the last moments.
#[derive(Default)]
struct Shared {
    /// The second client and further ones.
    extra: Vec<PoolClient>,
    /// Requests in flight to each host, by client, up to the last client with any.
    in_flight_by_host: HashMap<Arc<str>, Vec<usize>>,
}

struct PoolClient {
    http: reqwest::Client,
    in_flight: usize,
    /// When its last request ended.
    last_used: Instant,
}

/// A request's place on a client; released when dropped.
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

    /// Returns a place for a request to `url`, on the first client with fewer than `per_client`
    /// requests to its host.
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
        let idle = shared.take_idle(Instant::now());
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
        // Connections close without the lock held.
        drop(idle);
        Ok(Permit { http, slot })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Removes the last clients that were idle for so long that their connections are closed
    /// anyway.
    fn take_idle(&mut self, now: Instant) -> Vec<PoolClient> {
        let used = |client: &PoolClient| {
            client.in_flight > 0 || now.duration_since(client.last_used) < IDLE_TIMEOUT
        };
        let keep = self.extra.iter().rposition(used);
        self.extra.split_off(keep.map_or(0, |last| last + 1))
    }

    fn lowest_with_room(&self, host: &str, per_client: usize) -> usize {
        let by_client = self.in_flight_by_host.get(host);
        let by_client = by_client.map_or(&[][..], Vec::as_slice);
        let with_room = by_client.iter().position(|&count| count < per_client);
        with_room.unwrap_or(by_client.len())
    }

    /// Counts one more request on an extra client; builds the client if it is the next one.
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
        let client = &mut self.extra[extra];
        client.in_flight += 1;
        Ok(client.http.clone())
    }

    fn count(&mut self, host: &str, index: usize) -> Arc<str> {
        let known = self.in_flight_by_host.get_key_value(host);
        let host = known.map_or_else(|| host.into(), |(known, _)| Arc::clone(known));
        let by_client = self.in_flight_by_host.entry(Arc::clone(&host)).or_default();
        if index == by_client.len() {
            by_client.push(0);
        }
        by_client[index] += 1;
        host
    }

    fn release(&mut self, host: &str, index: usize) {
        if let Some(extra) = index.checked_sub(1) {
            let client = &mut self.extra[extra];
            client.in_flight -= 1;
            client.last_used = Instant::now();
        }
        let Some(by_client) = self.in_flight_by_host.get_mut(host) else {
            return;
        };
        by_client[index] -= 1;
        let last = by_client.iter().rposition(|&count| count > 0);
        by_client.truncate(last.map_or(0, |last| last + 1));
        if by_client.is_empty() {
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
        let resolver = EgressResolver::new(Arc::new(egress.clone()), Arc::new(SystemLookup));
        let factory = ClientFactory::new(&egress, &Arc::new(resolver), None).unwrap();
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
        let indexes: Vec<usize> = permits.iter().map(index).collect();
        assert_eq!(indexes, [0, 0, 0, 1, 1, 1, 2]);
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
        tokio::time::advance(IDLE_TIMEOUT - Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(extra(), 4, "used a moment ago");
        tokio::time::advance(Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(extra(), 2, "up to the one that is in use");
        drop(kept);
        tokio::time::advance(IDLE_TIMEOUT).await;
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
