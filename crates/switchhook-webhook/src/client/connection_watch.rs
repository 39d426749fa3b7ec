//! Observes whether a request that was cut off was still connecting.
//!
//! The HTTP client makes connections within the task of the request. If another connection
//! becomes free first, it moves the unfinished one to a task of its own. A layer around the
//! connector reports to the request that is being polled, and to no other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::ConnectionState;
use switchhook_core::outcome::{Failure, Reason};

tokio::task_local! {
    static WATCH: ConnectionWatch;
}

/// The bits of a connection's state.
const STATE: u8 = 3;
/// The server asked for a client certificate, and got none.
const MISSING: u8 = 4;
/// The server asked for a client certificate, and got ours.
const SHOWN: u8 = 8;

/// The observed connection state of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionWatch(Arc<AtomicU8>);

impl ConnectionWatch {
    /// Runs the request under observation.
    pub(super) fn watch<F: Future>(&self, request: F) -> TaskLocalFuture<Self, F> {
        WATCH.scope(self.clone(), request)
    }

    /// Returns the state of the request that is being polled.
    pub(super) fn current() -> ConnectionState {
        let state = WATCH.try_with(Self::state);
        state.unwrap_or(ConnectionState::Unknown)
    }

    /// Returns the current state.
    pub(super) fn state(&self) -> ConnectionState {
        match self.0.load(Ordering::Relaxed) & STATE {
            1 => ConnectionState::Connecting,
            2 => ConnectionState::Connected,
            _ => ConnectionState::Unknown,
        }
    }

    fn set(&self, connection: ConnectionState) {
        let state = match connection {
            ConnectionState::Unknown => 0,
            ConnectionState::Connecting => 1,
            ConnectionState::Connected => 2,
        };
        self.0.fetch_and(!STATE, Ordering::Relaxed);
        self.0.fetch_or(state, Ordering::Relaxed);
    }

    /// Notes for the request that is being polled that the server asks for a client certificate.
    pub(super) fn note_certificate_request(is_answered: bool) {
        let bit = if is_answered { SHOWN } else { MISSING };
        let note = |watch: &Self| watch.0.fetch_or(bit, Ordering::Relaxed);
        // Another task goes on with a connection that this request no longer needs.
        let _ = WATCH.try_with(note);
    }

    /// Adds to a broken connection's failure that the server asked for a client certificate. With
    /// TLS 1.3 it refuses ours after the handshake, and the connection may break before its alert
    /// is read.
    pub(super) fn explain(failure: Failure) -> Failure {
        let bits = WATCH.try_with(|watch| watch.0.load(Ordering::Relaxed));
        let bits = bits.unwrap_or_default();
        if failure.reason != Reason::ConnectionFailure || failure.detail.starts_with("no TLS") {
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

    /// Returns whether this request is the one being polled.
    fn is_polled(&self) -> bool {
        let same = WATCH.try_with(|polled| Arc::ptr_eq(&polled.0, &self.0));
        same.unwrap_or(false)
    }
}

/// Wraps a connector.
#[derive(Debug, Clone)]
pub(super) struct ConnectionWatchLayer;

impl<S> Layer<S> for ConnectionWatchLayer {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector(inner)
    }
}

/// An observed connector.
#[derive(Debug, Clone)]
pub(super) struct Connector<S>(S);

impl<S: Service<R, Future: Unpin>, R> Service<R> for Connector<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = WatchedConnect<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: R) -> WatchedConnect<S::Future> {
        let watch = WATCH.try_with(Clone::clone).ok();
        if let Some(watch) = &watch {
            watch.set(ConnectionState::Connecting);
        }
        WatchedConnect {
            inner: self.0.call(target),
            watch,
        }
    }
}

/// An observed connection attempt.
pub(super) struct WatchedConnect<F> {
    inner: F,
    watch: Option<ConnectionWatch>,
}

impl<F, C, E> Future for WatchedConnect<F>
where
    F: Future<Output = Result<C, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // The request uses another connection by now.
        if let Some(watch) = self.watch.take_if(|watch| !watch.is_polled()) {
            watch.set(ConnectionState::Unknown);
        }
        let connected = Pin::new(&mut self.inner).poll(context);
        if let (Poll::Ready(Ok(_)), Some(watch)) = (&connected, &self.watch) {
            watch.set(ConnectionState::Connected);
        }
        connected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn, ready};

    struct PendingConnector;

    impl Service<()> for PendingConnector {
        type Response = ();
        type Error = ();
        type Future = Pin<Box<dyn Future<Output = Result<(), ()>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn a_connection_that_another_task_goes_on_making_says_nothing_of_the_request() {
        let watch = ConnectionWatch::default();
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
        let (one, other) = (ConnectionWatch::default(), ConnectionWatch::default());
        let made = async {
            let inner = ready(Ok::<(), ()>(()));
            let watch = WATCH.try_with(Clone::clone).ok();
            WatchedConnect { inner, watch }.await
        };
        assert_eq!(one.watch(made).await, Ok(()));
        assert_eq!(one.state(), ConnectionState::Connected);
        assert_eq!(other.state(), ConnectionState::Unknown);
    }
}
