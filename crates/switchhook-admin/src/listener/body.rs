//! Bodies with a deadline, and bodies that hold something until they are gone.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A response's body that keeps a value, such as a permit, until it was sent or its reader left.
pub struct HeldBody<T> {
    body: Body,
    _held: T,
}

impl<T> HeldBody<T> {
    /// Keeps `held` as long as `body`.
    pub const fn new(body: Body, held: T) -> Self {
        Self { body, _held: held }
    }
}

impl<T: Unpin> HttpBody for HeldBody<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body that fails when it is not whole in time.
pub(super) struct DeadlineBody {
    body: Body,
    within: Duration,
    ends: Pin<Box<Sleep>>,
}

/// The peer did not send its body in time.
#[derive(Debug, thiserror::Error)]
#[error("the body was not sent within {0:?}")]
struct BodyTimeout(Duration);

impl DeadlineBody {
    /// Gives `body` this time from now on.
    pub(super) fn around(body: Body, within: Duration) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self {
            body,
            within,
            ends: Box::pin(sleep(within)),
        })
    }
}

impl HttpBody for DeadlineBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // First: a body that comes in drops is never pending for long.
        match self.ends.as_mut().poll(context) {
            Poll::Pending => Pin::new(&mut self.body).poll_frame(context),
            Poll::Ready(()) => {
                let error = BodyTimeout(self.within);
                Poll::Ready(Some(Err(axum::Error::new(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
