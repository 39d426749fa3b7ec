//! The reader of events.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::outlet::Outlet;
use super::shared::Shared;
use crate::codec::Event;
use crate::error::Error;

/// The events of a connection, in order.
///
/// It is a [`Stream`](futures_core::Stream) too, which ends after the error that says why the
/// connection ended.
///
/// A program that wants no events drops it: the connection goes on, and further events are thrown
/// away.
///
/// A reply comes to its caller at once, past the events that wait here. A program to which that
/// order matters drives a [`Connection`](crate::Connection), which has both in the order of the
/// wire.
pub struct Events {
    outlet: Arc<Outlet>,
    shared: Arc<Shared>,
    /// Whether the stream has returned the end.
    ended: bool,
}

impl Events {
    pub(super) fn new(outlet: Arc<Outlet>, shared: Arc<Shared>) -> Self {
        Self {
            outlet,
            shared,
            ended: false,
        }
    }

    /// Returns the next event. This method is cancel-safe.
    ///
    /// # Errors
    /// Returns why the connection ended, after every event that arrived before. Every later
    /// call returns the same.
    pub async fn next(&mut self) -> Result<Event, Error> {
        let event = poll_fn(|cx| self.outlet.poll_next(cx)).await;
        event.ok_or_else(|| self.shared.end().as_ref().clone())
    }

    /// Returns the number of events that were read from the socket and not yet taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outlet.len()
    }

    /// Returns the number of events that were dropped, with
    /// [`WhenFull::Lose`](crate::WhenFull::Lose).
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.outlet.lost()
    }

    /// Polls for the next event; `None` after the last.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.outlet.poll_next(cx)
    }

    /// Returns why the connection ended.
    pub(crate) fn end(&self) -> Error {
        self.shared.end().as_ref().clone()
    }
}

impl Stream for Events {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match ready!(self.poll_event(cx)) {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None => {
                self.ended = true;
                Poll::Ready(Some(Err(self.end())))
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("waiting", &self.waiting())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.outlet.abandon();
    }
}
