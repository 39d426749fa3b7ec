//! The addresses of a name in the order in which they are tried: those that failed lately come
//! last.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a failure counts. After it, one caller finds out whether the address answers again.
const REMEMBERED: Duration = Duration::from_secs(60);
/// The longest list of failures; a longer one is forgotten.
const MOST: usize = 1_024;

/// The addresses that failed lately.
#[derive(Debug, Default)]
pub(super) struct FailedAddresses(Mutex<HashMap<IpAddr, Instant>>);

/// The addresses of one name, as they are tried.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) list: Vec<IpAddr>,
    failed: Arc<FailedAddresses>,
}

impl FailedAddresses {
    /// Puts addresses that failed lately behind the others.
    pub(super) fn order(
        self: &Arc<Self>,
        mut found: Vec<SocketAddr>,
    ) -> (Vec<SocketAddr>, Addresses) {
        let now = Instant::now();
        let mut failed = self.lock();
        if !failed.is_empty() {
            failed.retain(|_, until| *until > now);
            // Of those that failed, the one that failed first comes first.
            found.sort_by_key(|address| failed.get(&address.ip()).copied());
        }
        drop(failed);
        let list = found.iter().map(SocketAddr::ip).collect();
        let failed = Arc::clone(self);
        (found, Addresses { list, failed })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addresses {
    /// Notes that a connection was made to `address`: those before it did not answer.
    pub(super) fn connected(&self, address: IpAddr) {
        let before = self.list.iter().take_while(|known| **known != address);
        let before: Vec<IpAddr> = before.copied().collect();
        self.failed.lock().remove(&address);
        before.into_iter().for_each(|address| self.fail(address));
    }

    /// Notes that the present address is silent: the first that has not failed.
    pub(super) fn silent(&self) {
        let known = self.failed.lock();
        let present = self
            .list
            .iter()
            .find(|address| !known.contains_key(address));
        let present = present.or(self.list.first()).copied();
        drop(known);
        if let Some(address) = present {
            self.fail(address);
        }
    }

    fn fail(&self, address: IpAddr) {
        let mut failed = self.failed.lock();
        if failed.len() >= MOST {
            failed.clear();
        }
        failed.insert(address, Instant::now() + REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(all: &[&str]) -> Vec<SocketAddr> {
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 0);
        all.iter().map(address).collect()
    }

    fn ordered(failed: &Arc<FailedAddresses>, all: &[&str]) -> (Vec<String>, Addresses) {
        let (found, addresses) = failed.order(found(all));
        (
            found.iter().map(|one| one.ip().to_string()).collect(),
            addresses,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_was_silent_comes_last_until_it_is_forgotten() {
        let failed = Arc::new(FailedAddresses::default());
        let all = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
        let (order, addresses) = ordered(&failed, &all);
        assert_eq!(order, all);
        addresses.silent();
        let (order, addresses) = ordered(&failed, &all);
        assert_eq!(order, ["192.0.2.2", "2001:db8::1", "192.0.2.1"]);
        tokio::time::advance(Duration::from_secs(1)).await;
        addresses.silent();
        let (order, addresses) = ordered(&failed, &all);
        assert_eq!(order, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
        addresses.connected("192.0.2.1".parse().unwrap());
        let (order, _) = ordered(&failed, &all);
        assert_eq!(order, ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(ordered(&failed, &all).0, all);
    }
}
