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
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::{Position, Url};

use super::ClientError;
use super::client_factory::ClientFactory;
use crate::options::HttpVersion;

/// Added to the idle time of a connection, after which it is surely closed.
const SURELY: Duration = Duration::from_secs(1);

/// The clients for one kind of connections.
pub(super) struct H2Pool {
    factory: ClientFactory,
    /// Never dropped.
    first: reqwest::Client,
    /// Makes a connection for each request.
    unpooled: OnceLock<reqwest::Client>,
    /// Makes a connection for each request, over HTTP/1.1.
    unpooled_http1: OnceLock<reqwest::Client>,
    shared: Mutex<Shared>,
}

/// Clients beyond the first, and the requests on all clients. Bounded by the requests in flight
/// and by those of the last moments.
#[derive(Default)]
struct Shared {
    /// The second client and further ones.
    extra: Vec<PoolClient>,
    /// Requests in flight to each host, by client, up to the last client with any.
    in_flight_by_host: HashMap<Arc<str>, Vec<InFlight>>,
    /// Connections that are left alone until they are closed. Usually none.
    hung: Vec<Hung>,
}

struct PoolClient {
    http: reqwest::Client,
    in_flight: usize,
    /// When its last request ended.
    last_used: Instant,
}

/// The requests of one client to one host.
#[derive(Default)]
struct InFlight {
    count: usize,
    /// When the last response arrived, while requests were in flight.
    heard: Option<Instant>,
}

/// A client's connection to a host on which a request timed out and nothing arrived since.
struct Hung {
    host: Arc<str>,
    index: usize,
    until: Instant,
}

/// A request's place on a client; released when dropped.
pub(super) struct Permit {
    pub(super) http: reqwest::Client,
    pool: Arc<H2Pool>,
    /// Boxed, because the futures of a waiting request hold the permit several times.
    slot: Option<Box<PermitSlot>>,
}

struct PermitSlot {
    host: Arc<str>,
    index: usize,
    began: Instant,
    /// The request's deadline: dropped after it without a response, the request timed out.
    until: Instant,
    heard: Option<Instant>,
}

impl H2Pool {
    pub(super) fn new(factory: ClientFactory) -> Result<Self, ClientError> {
        Ok(Self {
            first: factory.build()?,
            factory,
            unpooled: OnceLock::new(),
            unpooled_http1: OnceLock::new(),
            shared: Mutex::default(),
        })
    }

    /// Returns a place for a request to `url`, on the first client with fewer than `per_client`
    /// requests to its host. Its response must arrive by `until`.
    pub(super) fn acquire(
        self: &Arc<Self>,
        url: &Url,
        per_client: usize,
        until: Instant,
    ) -> Result<Permit, ClientError> {
        let pool = Arc::clone(self);
        if url.scheme() != "https" && self.factory.version() != HttpVersion::Http2 {
            let (http, slot) = (self.first.clone(), None);
            return Ok(Permit { http, pool, slot });
        }
        let now = Instant::now();
        let mut shared = self.shared();
        let idle = shared.take_idle(now, self.factory.idle());
        let host = &url[Position::BeforeHost..Position::BeforePath];
        let index = shared.lowest_with_room(host, per_client);
        let http = match index.checked_sub(1) {
            None => self.first.clone(),
            Some(extra) => shared.use_client(extra, &self.factory)?,
        };
        let slot = Some(Box::new(PermitSlot {
            host: shared.count(host, index),
            index,
            began: now,
            until,
            heard: None,
        }));
        drop(shared);
        // Connections close without the lock held.
        drop(idle);
        Ok(Permit { http, pool, slot })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Returns a place for the same request on a connection of its own. `http1` asks for HTTP/1.1.
    pub(super) fn unpooled(&self, http1: bool) -> Result<Self, ClientError> {
        let (client, version) = if http1 {
            (&self.pool.unpooled_http1, HttpVersion::Http1)
        } else {
            (&self.pool.unpooled, self.pool.factory.version())
        };
        let http = match client.get() {
            Some(http) => http.clone(),
            None => {
                let built = self.pool.factory.build_unpooled(version)?;
                client.get_or_init(|| built).clone()
            }
        };
        Ok(Self {
            http,
            pool: Arc::clone(&self.pool),
            slot: None,
        })
    }

    /// Notes that a response arrived, so its connection works.
    pub(super) fn note_response(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.heard = Some(Instant::now());
        }
    }

    /// Returns the version of HTTP that its connection was made for.
    pub(super) fn version(&self) -> HttpVersion {
        self.pool.factory.version()
    }

    /// Returns how long its connection is kept idle.
    pub(super) fn idle(&self) -> Duration {
        self.pool.factory.idle()
    }
}

impl Shared {
    /// Removes the last clients that were idle for so long that their connections are closed
    /// anyway.
    fn take_idle(&mut self, now: Instant, idle: Duration) -> Vec<PoolClient> {
        self.hung.retain(|hung| hung.until > now);
        let used = |client: &PoolClient| {
            client.in_flight > 0 || now.duration_since(client.last_used) < idle
        };
        let keep = self.extra.iter().rposition(used);
        self.extra.split_off(keep.map_or(0, |last| last + 1))
    }

    fn lowest_with_room(&self, host: &str, per_client: usize) -> usize {
        let by_client = self.in_flight_by_host.get(host);
        let by_client = by_client.map_or(&[][..], Vec::as_slice);
        let hangs = |index| {
            let mut hung = self.hung.iter();
            hung.any(|hung| hung.index == index && &*hung.host == host)
        };
        let has_room = |index: &usize| {
            let in_flight = by_client.get(*index);
            in_flight.is_none_or(|in_flight| in_flight.count < per_client) && !hangs(*index)
        };
        // After the last client that is known, one has room.
        let last = by_client.len() + self.hung.len();
        (0..last).find(has_room).unwrap_or(last)
    }

    /// Counts one more request on an extra client; builds the clients up to it.
    fn use_client(
        &mut self,
        extra: usize,
        factory: &ClientFactory,
    ) -> Result<reqwest::Client, ClientError> {
        while self.extra.len() <= extra {
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
        if by_client.len() <= index {
            by_client.resize_with(index + 1, InFlight::default);
        }
        by_client[index].count += 1;
        host
    }

    fn release(&mut self, slot: &PermitSlot, idle: Duration) {
        if let Some(extra) = slot.index.checked_sub(1) {
            let client = &mut self.extra[extra];
            client.in_flight -= 1;
            client.last_used = Instant::now();
        }
        let Some(by_client) = self.in_flight_by_host.get_mut(&slot.host) else {
            return;
        };
        let in_flight = &mut by_client[slot.index];
        in_flight.count -= 1;
        in_flight.heard = in_flight.heard.max(slot.heard);
        let hung = in_flight.heard.is_none_or(|heard| heard < slot.began);
        let last = by_client.iter().rposition(|in_flight| in_flight.count > 0);
        by_client.truncate(last.map_or(0, |last| last + 1));
        if by_client.is_empty() {
            self.in_flight_by_host.remove(&slot.host);
        }
        if hung && Instant::now() >= slot.until {
            self.leave_alone(slot, idle);
        }
    }

    /// Gives a connection no more requests until it is closed for being idle.
    fn leave_alone(&mut self, slot: &PermitSlot, idle: Duration) {
        let is_it = |hung: &Hung| hung.index == slot.index && hung.host == slot.host;
        self.hung.retain(|hung| !is_it(hung));
        self.hung.push(Hung {
            host: Arc::clone(&slot.host),
            index: slot.index,
            until: Instant::now() + idle + SURELY,
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            self.pool.shared().release(slot, self.pool.factory.idle());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemLookup;
    use crate::egress::Egress;
    use crate::resolve::EgressResolver;

    fn pool() -> Arc<H2Pool> {
        let egress = Egress::default();
        let resolver = EgressResolver::new(Arc::new(egress.clone()), Arc::new(SystemLookup));
        let factory = ClientFactory::new(&egress, &Arc::new(resolver), None).unwrap();
        Arc::new(H2Pool::new(factory).unwrap())
    }

    const PATIENT: Duration = Duration::from_secs(60);

    fn acquire(pool: &Arc<H2Pool>, url: &str, per_client: usize) -> Permit {
        acquire_for(pool, url, per_client, PATIENT)
    }

    fn acquire_for(pool: &Arc<H2Pool>, url: &str, per_client: usize, time: Duration) -> Permit {
        let until = Instant::now() + time;
        pool.acquire(&url.parse().unwrap(), per_client, until)
            .unwrap()
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
        let (extra, idle) = (|| pool.shared().extra.len(), pool.factory.idle());
        assert_eq!(extra(), 4);
        let kept = permits.remove(2);
        drop(permits);
        tokio::time::advance(idle - Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(extra(), 4, "used a moment ago");
        tokio::time::advance(Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(extra(), 2, "up to the one that is in use");
        drop(kept);
        tokio::time::advance(idle).await;
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

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_comes_is_left_alone_until_it_is_closed() {
        let pool = pool();
        let (url, short) = ("https://one.example/", Duration::from_secs(2));
        let waits = acquire_for(&pool, url, 100, short);
        tokio::time::advance(short).await;
        drop(waits);
        let next = acquire(&pool, url, 100);
        assert_eq!(index(&next), 1);
        assert_eq!(index(&acquire(&pool, "https://two.example/", 100)), 0);
        tokio::time::advance(pool.factory.idle() + SURELY).await;
        assert_eq!(index(&acquire(&pool, url, 100)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_request_or_one_that_was_given_up_says_nothing_of_its_connection() {
        let pool = pool();
        let (url, short) = ("https://one.example/", Duration::from_secs(2));
        drop(acquire_for(&pool, url, 100, short));
        assert_eq!(index(&acquire(&pool, url, 100)), 0, "its caller hung up");
        let slow = acquire_for(&pool, url, 100, short);
        tokio::time::advance(short).await;
        let mut other = acquire(&pool, url, 100);
        other.note_response();
        drop(other);
        drop(slow);
        assert_eq!(
            index(&acquire(&pool, url, 100)),
            0,
            "another had its response"
        );
    }
}
