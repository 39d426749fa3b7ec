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
    maker: ClientFactory,
    /// Always there.
    first: reqwest::Client,
    shared: Mutex<Shared>,
}

/// No more than the requests in flight need, and what they needed a moment ago.
#[derive(Default)]
struct Shared {
    /// The second lane and those above it.
    further: Vec<Lane>,
    /// Requests in flight to each host, on each lane up to the last that has some.
    taken: HashMap<Arc<str>, Vec<usize>>,
}

struct Lane {
    http: reqwest::Client,
    in_flight: usize,
    /// When its last request was over.
    left: Instant,
}

/// A request's place; given back when dropped.
pub(super) struct Permit {
    pub(super) http: reqwest::Client,
    place: Option<PermitSlot>,
}

struct PermitSlot {
    lanes: Arc<H2Pool>,
    host: Arc<str>,
    lane: usize,
}

impl H2Pool {
    pub(super) fn new(maker: ClientFactory) -> Result<Self, ClientError> {
        Ok(Self {
            first: maker.make()?,
            maker,
            shared: Mutex::default(),
        })
    }

    /// A place for a request to `url`, on a lane with fewer than `at_once` to its host.
    pub(super) fn take(self: &Arc<Self>, url: &Url, at_once: usize) -> Result<Permit, ClientError> {
        if url.scheme() != "https" {
            let (http, place) = (self.first.clone(), None);
            return Ok(Permit { http, place });
        }
        let mut shared = self.shared();
        let idle = shared.idle(Instant::now());
        let host = &url[Position::BeforeHost..Position::BeforePath];
        let lane = shared.lowest(host, at_once);
        let http = match lane.checked_sub(1) {
            None => self.first.clone(),
            Some(further) => shared.enter(further, &self.maker)?,
        };
        let place = Some(PermitSlot {
            host: shared.count(host, lane),
            lanes: Arc::clone(self),
            lane,
        });
        drop(shared);
        // Their connections are closed without the lock.
        drop(idle);
        Ok(Permit { http, place })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Takes away the highest lanes, as long as they were not used for so long that their
    /// connections are closed anyway.
    fn idle(&mut self, now: Instant) -> Vec<Lane> {
        let used = |lane: &Lane| lane.in_flight > 0 || now.duration_since(lane.left) < KEPT;
        let keep = self.further.iter().rposition(used);
        self.further.split_off(keep.map_or(0, |last| last + 1))
    }

    fn lowest(&self, host: &str, at_once: usize) -> usize {
        let taken = self.taken.get(host).map_or(&[][..], Vec::as_slice);
        let with_room = taken.iter().position(|&taken| taken < at_once);
        with_room.unwrap_or(taken.len())
    }

    /// One more request on this lane, which is there or the next to be made.
    fn enter(
        &mut self,
        further: usize,
        maker: &ClientFactory,
    ) -> Result<reqwest::Client, ClientError> {
        if further == self.further.len() {
            self.further.push(Lane {
                http: maker.make()?,
                in_flight: 0,
                left: Instant::now(),
            });
        }
        let lane = &mut self.further[further];
        lane.in_flight += 1;
        Ok(lane.http.clone())
    }

    fn count(&mut self, host: &str, lane: usize) -> Arc<str> {
        let known = self.taken.get_key_value(host);
        let host = known.map_or_else(|| host.into(), |(known, _)| Arc::clone(known));
        let taken = self.taken.entry(Arc::clone(&host)).or_default();
        if lane == taken.len() {
            taken.push(0);
        }
        taken[lane] += 1;
        host
    }

    fn leave(&mut self, host: &str, lane: usize) {
        if let Some(further) = lane.checked_sub(1) {
            let lane = &mut self.further[further];
            lane.in_flight -= 1;
            lane.left = Instant::now();
        }
        let Some(taken) = self.taken.get_mut(host) else {
            return;
        };
        taken[lane] -= 1;
        let last = taken.iter().rposition(|&taken| taken > 0);
        taken.truncate(last.map_or(0, |last| last + 1));
        if taken.is_empty() {
            self.taken.remove(host);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(PermitSlot { lanes, host, lane }) = &self.place {
            lanes.shared().leave(host, *lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemNames;
    use crate::egress::Egress;
    use crate::resolve::Guard;
    use std::time::Duration;

    fn lanes() -> Arc<H2Pool> {
        let egress = Egress::default();
        let guard = Guard::new(Arc::new(egress.clone()), Arc::new(SystemNames));
        let maker = ClientFactory::new(&egress, &Arc::new(guard), None).unwrap();
        Arc::new(H2Pool::new(maker).unwrap())
    }

    fn take(lanes: &Arc<H2Pool>, url: &str, at_once: usize) -> Permit {
        lanes.take(&url.parse().unwrap(), at_once).unwrap()
    }

    fn lane(seat: &Permit) -> usize {
        seat.place.as_ref().unwrap().lane
    }

    #[tokio::test(start_paused = true)]
    async fn the_lowest_lane_with_room_is_taken_and_hosts_are_counted_by_themselves() {
        let lanes = lanes();
        let one = |at_once| take(&lanes, "https://one.example/callers?a=1", at_once);
        let mut seats: Vec<Permit> = (0..7).map(|_| one(3)).collect();
        let taken: Vec<usize> = seats.iter().map(lane).collect();
        assert_eq!(taken, [0, 0, 0, 1, 1, 1, 2]);
        assert_eq!(lane(&take(&lanes, "https://two.example/", 3)), 0);
        assert_eq!(lane(&take(&lanes, "https://one.example:8443/", 3)), 0);
        assert_eq!(lane(&one(1)), 3, "another webhook of the same host");
        drop(seats.remove(1));
        assert_eq!(lane(&one(3)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_are_dropped_when_idle_and_nothing_of_a_host_stays() {
        let lanes = lanes();
        let one = |_| take(&lanes, "https://one.example/", 1);
        let mut seats: Vec<Permit> = (0..5).map(one).collect();
        let further = || lanes.shared().further.len();
        assert_eq!(further(), 4);
        let kept = seats.remove(2);
        drop(seats);
        tokio::time::advance(KEPT - Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(further(), 4, "used a moment ago");
        tokio::time::advance(Duration::from_millis(1)).await;
        drop(one(0));
        assert_eq!(further(), 2, "up to the one that is in use");
        drop(kept);
        tokio::time::advance(KEPT).await;
        drop(one(0));
        assert_eq!(further(), 0);
        assert!(lanes.shared().taken.is_empty());
    }

    #[tokio::test]
    async fn what_has_no_http_2_is_not_counted() {
        let lanes = lanes();
        let seat = take(&lanes, "http://one.example/", 1);
        assert!(seat.place.is_none() && lanes.shared().taken.is_empty());
    }
}
