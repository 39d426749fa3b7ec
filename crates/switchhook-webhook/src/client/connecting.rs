//! How far a request came that was cut off: whether its connection was still being made.
//!
//! The HTTP client makes connections while it is asked for an answer, in the same task; when
//! another connection becomes free first, it goes on making this one in a task of its own. A
//! layer around its connector tells the request that is polled, and nobody else's.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::Connection;

tokio::task_local! {
    static WATCH: Watch;
}

/// Watches one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<AtomicU8>);

impl Watch {
    /// The request, watched.
    pub(super) fn over<F: Future>(&self, request: F) -> TaskLocalFuture<Self, F> {
        WATCH.scope(self.clone(), request)
    }

    /// What is known now.
    pub(super) fn seen(&self) -> Connection {
        match self.0.load(Ordering::Relaxed) {
            1 => Connection::Connecting,
            2 => Connection::Connected,
            _ => Connection::Unknown,
        }
    }

    fn see(&self, connection: Connection) {
        let seen = match connection {
            Connection::Unknown => 0,
            Connection::Connecting => 1,
            Connection::Connected => 2,
        };
        self.0.store(seen, Ordering::Relaxed);
    }

    /// Whether this request is what is polled.
    fn is_polled(&self) -> bool {
        let same = WATCH.try_with(|polled| Arc::ptr_eq(&polled.0, &self.0));
        same.unwrap_or(false)
    }
}

/// Goes around a connector.
#[derive(Debug, Clone)]
pub(super) struct Watched;

impl<S> Layer<S> for Watched {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector(inner)
    }
}

/// A connector that is watched.
#[derive(Debug, Clone)]
pub(super) struct Connector<S>(S);

impl<S: Service<R, Future: Unpin>, R> Service<R> for Connector<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Making<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: R) -> Making<S::Future> {
        let watch = WATCH.try_with(Clone::clone).ok();
        if let Some(watch) = &watch {
            watch.see(Connection::Connecting);
        }
        Making {
            inner: self.0.call(target),
            watch,
        }
    }
}

/// A connection that is being made.
pub(super) struct Making<F> {
    inner: F,
    watch: Option<Watch>,
}

impl<F, C, E> Future for Making<F>
where
    F: Future<Output = Result<C, E>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Its request has another connection.
        if let Some(watch) = self.watch.take_if(|watch| !watch.is_polled()) {
            watch.see(Connection::Unknown);
        }
        let made = Pin::new(&mut self.inner).poll(context);
        if let (Poll::Ready(Ok(_)), Some(watch)) = (&made, &self.watch) {
            watch.see(Connection::Connected);
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn, ready};

    struct Never;

    impl Service<()> for Never {
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
        let watch = Watch::default();
        let begun = poll_fn(|_| Poll::Ready(Watched.layer(Never).call(())));
        let mut making = watch.over(begun).await;
        assert_eq!(watch.seen(), Connection::Connecting);
        let once = poll_fn(|context| Poll::Ready(Pin::new(&mut making).poll(context).is_pending()));
        assert!(watch.over(once).await);
        assert_eq!(watch.seen(), Connection::Connecting);
        let elsewhere =
            poll_fn(|context| Poll::Ready(Pin::new(&mut making).poll(context).is_pending()));
        assert!(elsewhere.await);
        assert_eq!(watch.seen(), Connection::Unknown);
    }

    #[tokio::test]
    async fn a_connection_that_was_made_is_told_to_its_request_alone() {
        let (one, other) = (Watch::default(), Watch::default());
        let made = async {
            let inner = ready(Ok::<(), ()>(()));
            let watch = WATCH.try_with(Clone::clone).ok();
            Making { inner, watch }.await
        };
        assert_eq!(one.over(made).await, Ok(()));
        assert_eq!(one.seen(), Connection::Connected);
        assert_eq!(other.seen(), Connection::Unknown);
    }
}
