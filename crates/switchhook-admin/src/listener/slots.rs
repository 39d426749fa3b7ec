//! The places for connections of one port, and which connections give way when there is none.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// A connection that waits for its peer for less than this does not give way.
const GRACE: Duration = Duration::from_secs(1);
/// One address may have a half of the places for connections that wait for their peer.
const ADDRESS_SHARE: usize = 2;
/// How often a connection that waits for a place looks for one that can give way.
const RETRY: Duration = Duration::from_millis(50);

/// The places for the connections of one port.
#[derive(Clone)]
pub struct ConnectionSlots {
    permits: Arc<Semaphore>,
    idle: Arc<IdleConnections>,
}

impl ConnectionSlots {
    /// Makes `connections` places.
    #[must_use]
    pub fn new(connections: usize) -> Self {
        let permits = connections.min(Semaphore::MAX_PERMITS);
        let idle = IdleConnections {
            per_address: connections.div_ceil(ADDRESS_SHARE),
            waiting: Mutex::default(),
        };
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            idle: Arc::new(idle),
        }
    }

    /// Waits for a place. If there is none, calls `at_limit` once and closes connections that have
    /// waited for their peer for a second, the oldest of the address with the most first.
    ///
    /// Cancel-safe.
    pub async fn acquire(&self, at_limit: impl FnOnce()) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        at_limit();
        loop {
            self.idle.evict(Instant::now());
            let permit = Arc::clone(&self.permits).acquire_owned();
            // The semaphore is never closed.
            if let Ok(Ok(permit)) = timeout(RETRY, permit).await {
                return permit;
            }
        }
    }

    /// Returns the arrival of a connection from `address`.
    #[must_use]
    pub fn arrival(&self, address: IpAddr) -> Arrival {
        Arrival {
            idle: Arc::clone(&self.idle),
            address,
            evicted: CancellationToken::new(),
        }
    }
}

/// A connection that has a place.
pub struct Arrival {
    idle: Arc<IdleConnections>,
    address: IpAddr,
    evicted: CancellationToken,
}

impl Arrival {
    /// Marks the connection as one that waits for its peer, as long as the guard lives.
    #[must_use]
    pub fn waiting(&self) -> IdleGuard {
        let number = self.idle.enter(self.address, self.evicted.clone());
        IdleGuard {
            idle: Arc::clone(&self.idle),
            address: self.address,
            number,
        }
    }

    /// Returns the peer's address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Waits until the connection has to give way.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

/// Marks a connection as one that waits for its peer.
pub struct IdleGuard {
    idle: Arc<IdleConnections>,
    address: IpAddr,
    number: u64,
}

impl Drop for IdleGuard {
    fn drop(&mut self) {
        self.idle.leave(self.address, self.number);
    }
}

/// The connections that wait for their peer, by address and in the order of their arrival.
struct IdleConnections {
    /// Connections of one address that may wait at once.
    per_address: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    by_address: HashMap<IpAddr, BTreeMap<u64, (Instant, CancellationToken)>>,
}

impl IdleConnections {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection. An address with more than its share loses its oldest.
    fn enter(&self, address: IpAddr, evicted: CancellationToken) -> u64 {
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next += 1;
        let now = Instant::now();
        let of_address = waiting.by_address.entry(address).or_default();
        of_address.insert(number, (now, evicted));
        if of_address.len() > self.per_address {
            evict_oldest(of_address, now);
        }
        number
    }

    fn leave(&self, address: IpAddr, number: u64) {
        let mut waiting = self.lock();
        if let Some(of_address) = waiting.by_address.get_mut(&address) {
            of_address.remove(&number);
            if of_address.is_empty() {
                waiting.by_address.remove(&address);
            }
        }
    }

    /// Ends the oldest connection of the address that has the most of them, if it has waited for
    /// [`GRACE`].
    fn evict(&self, now: Instant) {
        let mut waiting = self.lock();
        let most = waiting.by_address.values_mut();
        if let Some(most) = most.max_by_key(|of_address| of_address.len()) {
            evict_oldest(most, now);
        }
    }
}

/// Ends the oldest connection, if it has waited for [`GRACE`].
fn evict_oldest(of_address: &mut BTreeMap<u64, (Instant, CancellationToken)>, now: Instant) {
    let oldest = of_address.first_entry();
    if let Some(oldest) = oldest.filter(|oldest| now - oldest.get().0 >= GRACE) {
        let (_, evicted) = oldest.remove();
        evicted.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_of_the_address_with_the_most_gives_way() {
        let slots = ConnectionSlots::new(3);
        let arrivals = [1, 2, 2].map(|last| slots.arrival(address(last)));
        let guards = arrivals.each_ref().map(Arrival::waiting);
        let mut permits = Vec::new();
        for _ in 0..3 {
            permits.push(slots.acquire(|| panic!("there are places")).await);
        }
        let began = Instant::now();
        let mut hits = 0;
        let served = async {
            arrivals[1].evicted().await;
            permits.pop();
        };
        let (_permit, ()) = tokio::join!(slots.acquire(|| hits += 1), served);
        assert_eq!(hits, 1);
        assert!(began.elapsed() >= GRACE, "it had its second");
        assert!(!arrivals[0].evicted.is_cancelled());
        assert!(!arrivals[2].evicted.is_cancelled());
        drop(guards);
        assert!(slots.idle.lock().by_address.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_with_more_than_its_share_loses_its_oldest() {
        let slots = ConnectionSlots::new(4);
        let arrivals = [1, 1, 1, 2].map(|last| slots.arrival(address(last)));
        let _first = arrivals[0].waiting();
        tokio::time::advance(GRACE).await;
        let _second = arrivals[1].waiting();
        let _other = arrivals[3].waiting();
        assert!(!arrivals[0].evicted.is_cancelled(), "half of the places");
        let _third = arrivals[2].waiting();
        assert!(arrivals[0].evicted.is_cancelled());
        assert!(!arrivals[1].evicted.is_cancelled() && !arrivals[3].evicted.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_wait_for_its_peer_stays() {
        let slots = ConnectionSlots::new(1);
        let arrival = slots.arrival(address(1));
        let permit = slots.acquire(|| ()).await;
        drop(arrival.waiting());
        let waits = timeout(GRACE * 10, slots.acquire(|| ())).await;
        assert!(waits.is_err() && !arrival.evicted.is_cancelled());
        drop(permit);
        drop(slots.acquire(|| panic!("there is a place")).await);
    }
}
