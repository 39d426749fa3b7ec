//! Resolves host names. Every address is checked before any is connected to, and requests that
//! need the same name at once share one lookup.

use std::collections::HashMap;
use std::future::ready;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::addresses::FailedAddresses;
use super::connection_watch::{ConnectionState, ConnectionWatch};
use super::egress::Egress;
use super::io_fault;

/// Looks up names. The result is not trusted: each address is checked.
pub trait NameLookup: Send + Sync {
    /// Returns the addresses of `name`; their ports are ignored.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The system's resolver: `/etc/hosts`, DNS and others it is configured with.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl NameLookup for SystemLookup {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.collect())
        }
        .boxed()
    }
}

/// Lookups kept in memory before abandoned ones are removed.
const REMEMBERED: usize = 64;

/// The system's words for a silent name server, or one that cannot answer (`EAI_AGAIN`).
const TRY_AGAIN: &str = "temporary failure in name resolution";

/// A name that could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct LookupError(String);

type Found = Result<Arc<[SocketAddr]>, LookupError>;
type Lookup = Pin<Box<dyn Future<Output = Found> + Send>>;

/// The resolver of all webhooks, which checks every address against the egress rule.
pub(super) struct EgressResolver {
    egress: Arc<Egress>,
    names: Arc<dyn NameLookup>,
    lookups: Mutex<HashMap<String, WeakShared<Lookup>>>,
    failed: Arc<FailedAddresses>,
}

impl EgressResolver {
    pub(super) fn new(egress: Arc<Egress>, names: Arc<dyn NameLookup>) -> Self {
        Self {
            egress,
            names,
            lookups: Mutex::default(),
            failed: Arc::default(),
        }
    }

    /// Returns the running lookup of `name`, or starts one. It is cancelled when no request waits
    /// for it.
    fn lookup(&self, name: &str) -> Shared<Lookup> {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = lookups.get(name).and_then(WeakShared::upgrade);
        if let Some(lookup) = under_way.filter(|lookup| lookup.peek().is_none()) {
            return lookup;
        }
        if lookups.len() >= REMEMBERED {
            lookups.retain(|_, lookup| lookup.upgrade().is_some());
        }
        let found = match self.egress.hosts.get(name) {
            Some(given) => given_addresses(given),
            None => self.names.look_up(name.to_owned()),
        };
        let lookup: Shared<Lookup> = (Box::pin(resolved(found)) as Lookup).shared();
        if let Some(weak) = lookup.downgrade() {
            lookups.insert(name.to_owned(), weak);
        }
        lookup
    }

    /// The operator chose the proxy, so its address is not checked. With a proxy, reqwest
    /// resolves no other name.
    fn is_proxy(&self, name: &str) -> bool {
        let proxy = self
            .egress
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.host_str());
        proxy.is_some_and(|proxy| proxy.eq_ignore_ascii_case(name))
    }
}

impl Resolve for EgressResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.lookup(name.as_str());
        let (watch, failed) = (ConnectionWatch::current(), Arc::clone(&self.failed));
        let checked = (!self.is_proxy(name.as_str())).then(|| Arc::clone(&self.egress));
        Box::pin(async move {
            if let Some(watch) = &watch {
                watch.set(ConnectionState::Resolving);
            }
            let addresses = lookup.await?;
            if let Some(egress) = checked {
                for address in addresses.iter() {
                    egress.check_address(name.as_str(), address.ip())?;
                }
            }
            let (ordered, addresses) = failed.order(addresses.to_vec());
            if let Some(watch) = &watch {
                watch.set(ConnectionState::Connecting);
                watch.set_addresses(addresses);
            }
            Ok(Box::new(ordered.into_iter()) as Addrs)
        })
    }
}

fn given_addresses(given: &[IpAddr]) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    let addresses = given.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
    ready(Ok(addresses)).boxed()
}

async fn resolved(found: BoxFuture<'static, io::Result<Vec<SocketAddr>>>) -> Found {
    let addresses = found.await.map_err(unresolved)?;
    if addresses.is_empty() {
        return Err(LookupError("the name has no address".into()));
    }
    Ok(addresses.into())
}

fn unresolved(error: io::Error) -> LookupError {
    let why = io_fault::describe_lookup(&error);
    if why == TRY_AGAIN {
        return LookupError(format!("no name server answered ({TRY_AGAIN})"));
    }
    LookupError(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_with_a_private_address_is_refused_and_a_proxy_of_that_name_is_not() {
        let strict = EgressResolver::new(Arc::new(Egress::default()), Arc::new(SystemLookup));
        let refused = strict.resolve("localhost".parse().unwrap()).await.err();
        let words = refused.unwrap().to_string();
        assert!(
            words.contains("localhost") && words.contains("allow_addresses"),
            "{words}"
        );
        let proxied = Egress {
            proxy: Some("http://localhost:3128".parse().unwrap()),
            ..Egress::default()
        };
        let proxied = EgressResolver::new(Arc::new(proxied), Arc::new(SystemLookup));
        assert!(proxied.resolve("localhost".parse().unwrap()).await.is_ok());
    }

    #[tokio::test]
    async fn requests_at_once_share_one_lookup_and_nothing_of_it_stays() {
        let guard = EgressResolver::new(Arc::new(Egress::default()), Arc::new(SystemLookup));
        let first = guard.lookup("localhost");
        let second = guard.lookup("localhost");
        assert!(first.ptr_eq(&second));
        assert!(first.await.is_ok());
        assert!(!guard.lookup("localhost").ptr_eq(&second));
    }
}
