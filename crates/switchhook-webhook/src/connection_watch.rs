//! Observes how far the connection of a request has come, and ends an attempt at a silent address.
//!
//! The HTTP client makes connections within the task of the request. If another connection
//! becomes free first, it moves the unfinished one to a task of its own. A layer around the
//! connector reports to the request that is being polled, and to no other.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tokio::task::futures::TaskLocalFuture;
use tokio::time::{Instant, Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;

use crate::addresses::Addresses;
use switchhook_core::outcome::{Failure, Reason};

tokio::task_local! {
    static WATCH: ConnectionWatch;
}

/// The state of a request's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// The request uses an existing connection, or the state cannot be seen.
    Unknown,
    /// Its host's name is looked up.
    Resolving,
    /// It is being made: TCP, TLS.
    Connecting,
    /// It was made for this request.
    Connected,
}

/// The server asked for a client certificate, and got none.
const MISSING: u8 = 1;
/// The server asked for a client certificate, and got ours.
const SHOWN: u8 = 2;

/// The observed connection state of one request.
#[derive(Debug, Clone)]
pub(super) struct ConnectionWatch(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    state: AtomicU8,
    /// [`MISSING`] and [`SHOWN`].
    certificate: AtomicU8,
    until: Instant,
    /// How many addresses were silent.
    silent: AtomicU8,
    /// The addresses of the host, if it has several.
    several: Mutex<Option<Arc<Addresses>>>,
}

/// An address that took no connection in its share of the time.
#[derive(Debug, thiserror::Error)]
#[error("the address did not respond")]
pub(super) struct SilentAddress;

impl ConnectionWatch {
    /// Watches a request that ends at `until`.
    pub(super) fn new(until: Instant) -> Self {
        Self(Arc::new(Watched {
            state: AtomicU8::new(0),
            certificate: AtomicU8::new(0),
            until,
            silent: AtomicU8::new(0),
            several: Mutex::default(),
        }))
    }

    /// Runs the request under observation.
    pub(super) fn watch<F: Future>(&self, request: F) -> TaskLocalFuture<Self, F> {
        WATCH.scope(self.clone(), request)
    }

    /// Returns the watch of the request that is being polled.
    pub(super) fn current() -> Option<Self> {
        WATCH.try_with(Clone::clone).ok()
    }

    /// Returns the state of the request that is being polled.
    pub(super) fn current_state() -> ConnectionState {
        let state = WATCH.try_with(Self::state);
        state.unwrap_or(ConnectionState::Unknown)
    }

    /// Returns the current state.
    pub(super) fn state(&self) -> ConnectionState {
        match self.0.state.load(Ordering::Relaxed) {
            1 => ConnectionState::Resolving,
            2 => ConnectionState::Connecting,
            3 => ConnectionState::Connected,
            _ => ConnectionState::Unknown,
        }
    }

    /// Notes the state of the connection.
    pub(super) fn set(&self, connection: ConnectionState) {
        let state = match connection {
            ConnectionState::Unknown => 0,
            ConnectionState::Resolving => 1,
            ConnectionState::Connecting => 2,
            ConnectionState::Connected => 3,
        };
        self.0.state.store(state, Ordering::Relaxed);
    }

    /// Notes for the request that is being polled that the server asks for a client certificate.
    pub(super) fn note_certificate_request(is_answered: bool) {
        let bit = if is_answered { SHOWN } else { MISSING };
        let note = |watch: &Self| watch.0.certificate.fetch_or(bit, Ordering::Relaxed);
        // Another task goes on with a connection that this request no longer needs.
        let _ = WATCH.try_with(note);
    }

    /// Adds to a broken connection's failure that the server asked for a client certificate. With
    /// TLS 1.3 it refuses ours after the handshake, and the connection may break before its alert
    /// is read.
    pub(super) fn explain(failure: Failure) -> Failure {
        let bits = WATCH.try_with(|watch| watch.0.certificate.load(Ordering::Relaxed));
        let bits = bits.unwrap_or_default();
        let was_closed = ["reset", "closed"]
            .iter()
            .any(|word| failure.detail.contains(word));
        if failure.reason != Reason::ConnectionFailure
            || failure.detail.starts_with("no TLS")
            || !was_closed
        {
            return failure;
        }
        let cause = match (bits & MISSING, bits & SHOWN) {
            (0, 0) => return failure,
            (0, _) => {
                "the server asked for a client certificate and may refuse ours; check \
                 tls.client_cert_file, with its chain"
            }
            _ => {
                "the server asked for a client certificate, and the webhook has none; set \
                 tls.client_cert_file and tls.client_key_file"
            }
        };
        Failure::new(failure.reason, format!("{}; {cause}", failure.detail))
    }

    /// Notes the addresses that are tried, if there are several.
    pub(super) fn set_addresses(&self, addresses: Addresses) {
        *self.several() = (addresses.list.len() > 1).then(|| Arc::new(addresses));
    }

    /// Notes that the present address was silent, so that the next one is tried.
    pub(super) fn note_silent(&self) {
        self.0.silent.fetch_add(1, Ordering::Relaxed);
        if let Some(addresses) = self.addresses() {
            addresses.silent();
        }
    }

    /// Returns the addresses that are tried, if there are several.
    pub(super) fn addresses(&self) -> Option<Arc<Addresses>> {
        self.several().clone()
    }

    /// Returns the share of the time that is left for one of several addresses; `None` when each had
    /// one: then all are slow, and the rest of the time is for one of them.
    fn share(&self) -> Option<Duration> {
        let several = self.several().as_ref()?.list.len();
        if usize::from(self.0.silent.load(Ordering::Relaxed)) >= several {
            return None;
        }
        let left = self.0.until.saturating_duration_since(Instant::now());
        let shares = u32::try_from(several + 1).unwrap_or(u32::MAX);
        Some((left / shares).clamp(LEAST_SHARE, MOST_SHARE))
    }

    fn several(&self) -> MutexGuard<'_, Option<Arc<Addresses>>> {
        self.0
            .several
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether this request is the one being polled.
    fn is_polled(&self) -> bool {
        let same = WATCH.try_with(|polled| Arc::ptr_eq(&polled.0, &self.0));
        same.unwrap_or(false)
    }
}

/// Bounds of the time for one of several addresses: longer than a round trip over a satellite, and
/// long enough for one lost packet.
const LEAST_SHARE: Duration = Duration::from_millis(700);
const MOST_SHARE: Duration = Duration::from_secs(2);

/// Wraps a connector.
#[derive(Debug, Clone)]
pub(super) struct ConnectionWatchLayer;

impl<S> Layer<S> for ConnectionWatchLayer {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector(Arc::new(Mutex::new(inner)))
    }
}

/// An observed connector. Clones share the inner one: a waiting request holds two, and reqwest's
/// is large. It is always ready.
#[derive(Debug)]
pub(super) struct Connector<S>(Arc<Mutex<S>>);

impl<S> Clone for Connector<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Connector<S> {
    fn inner(&self) -> MutexGuard<'_, S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Response: Connection, Error: From<SilentAddress>, Future: Unpin>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = WatchedConnect<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner().poll_ready(context)
    }

    fn call(&mut self, target: R) -> WatchedConnect<S::Future> {
        let watch = ConnectionWatch::current();
        if let Some(watch) = &watch {
            watch.set(ConnectionState::Connecting);
        }
        WatchedConnect {
            inner: self.inner().call(target),
            watch,
            share: None,
        }
    }
}

/// An observed connection attempt.
pub(super) struct WatchedConnect<F> {
    inner: F,
    watch: Option<ConnectionWatch>,
    /// Ends when the share of the present address is over.
    share: Option<Pin<Box<Sleep>>>,
}

impl<F, C, E> Future for WatchedConnect<F>
where
    F: Future<Output = Result<C, E>> + Unpin,
    C: Connection,
    E: From<SilentAddress>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // The request uses another connection by now.
        if let Some(watch) = self.watch.take_if(|watch| !watch.is_polled()) {
            watch.set(ConnectionState::Unknown);
        }
        let connected = Pin::new(&mut self.inner).poll(context);
        let Some(watch) = &self.watch else {
            return connected;
        };
        match connected {
            Poll::Ready(Ok(connection)) => {
                watch.set(ConnectionState::Connected);
                if let Some(addresses) = watch.addresses()
                    && let Some(address) = remote(&connection)
                {
                    addresses.connected(address);
                }
                Poll::Ready(Ok(connection))
            }
            Poll::Ready(failed @ Err(_)) => Poll::Ready(failed),
            Poll::Pending => {
                if self.share.is_none() {
                    self.share = watch.share().map(|share| Box::pin(sleep(share)));
                }
                let Some(share) = &mut self.share else {
                    return Poll::Pending;
                };
                ready!(share.as_mut().poll(context));
                Poll::Ready(Err(SilentAddress.into()))
            }
        }
    }
}

/// Returns the address that a connection was made to.
fn remote(connection: &impl Connection) -> Option<IpAddr> {
    let mut extensions = http::Extensions::new();
    connection.connected().get_extras(&mut extensions);
    let info = extensions.get::<HttpInfo>();
    info.map(|info| SocketAddr::ip(&info.remote_addr()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn, ready};

    struct PendingConnector;

    #[derive(Debug, PartialEq)]
    struct Made;

    impl Connection for Made {
        fn connected(&self) -> hyper_util::client::legacy::connect::Connected {
            hyper_util::client::legacy::connect::Connected::new()
        }
    }

    impl Service<()> for PendingConnector {
        type Response = Made;
        type Error = SilentAddress;
        type Future = Pin<Box<dyn Future<Output = Result<Made, SilentAddress>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SilentAddress>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn a_connection_that_another_task_goes_on_making_says_nothing_of_the_request() {
        let watch = ConnectionWatch::new(Instant::now());
        let begun = poll_fn(|_| Poll::Ready(ConnectionWatchLayer.layer(PendingConnector).call(())));
        let mut making = watch.watch(begun).await;
        assert_eq!(watch.state(), ConnectionState::Connecting);
        let once = poll_fn(|context| Poll::Ready(Pin::new(&mut making).poll(context).is_pending()));
        assert!(watch.watch(once).await);
        assert_eq!(watch.state(), ConnectionState::Connecting);
        let elsewhere =
            poll_fn(|context| Poll::Ready(Pin::new(&mut making).poll(context).is_pending()));
        assert!(elsewhere.await);
        assert_eq!(watch.state(), ConnectionState::Unknown);
    }

    #[tokio::test]
    async fn a_new_connection_is_reported_to_its_request_alone() {
        let (one, other) = (
            ConnectionWatch::new(Instant::now()),
            ConnectionWatch::new(Instant::now()),
        );
        let made = async {
            let inner = ready(Ok::<Made, SilentAddress>(Made));
            let watch = WATCH.try_with(Clone::clone).ok();
            let share = None;
            WatchedConnect {
                inner,
                watch,
                share,
            }
            .await
        };
        assert!(one.watch(made).await.is_ok());
        assert_eq!(one.state(), ConnectionState::Connected);
        assert_eq!(other.state(), ConnectionState::Unknown);
    }
}
