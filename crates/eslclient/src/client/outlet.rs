//! A queue of events between the driver and one reader.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::shared::Shared;
use crate::codec::Event;

/// A queue of events between the driver and one reader.
#[derive(Debug)]
pub(super) struct Outlet {
    shared: Arc<Shared>,
    queue: Mutex<Queue>,
    capacity: usize,
    /// The number of events in the queue, and their size in bytes.
    length: AtomicUsize,
    bytes: AtomicUsize,
    lost: AtomicU64,
    /// Whether the reader was dropped.
    abandoned: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    reader: Option<Waker>,
    /// Whether no event follows.
    ended: bool,
}

impl Outlet {
    pub(super) fn new(shared: Arc<Shared>, capacity: usize) -> Self {
        Self {
            shared,
            queue: Mutex::default(),
            capacity,
            length: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
        }
    }

    /// Adds an event and returns whether the queue is full now.
    pub(super) fn push(&self, event: Event) -> bool {
        self.bytes.fetch_add(event.size(), Ordering::Relaxed);
        let length = self.length.fetch_add(1, Ordering::Relaxed) + 1;
        let reader = {
            let mut queue = self.queue();
            queue.events.push_back(event);
            queue.reader.take()
        };
        wake(reader);
        length >= self.capacity
    }

    /// Counts an event that was dropped.
    pub(super) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the reader that no event follows.
    pub(super) fn end(&self) {
        let reader = {
            let mut queue = self.queue();
            queue.ended = true;
            queue.reader.take()
        };
        wake(reader);
    }

    /// Returns the next event; `None` after the last.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = {
            let mut queue = self.queue();
            match queue.events.pop_front() {
                Some(event) => event,
                None if queue.ended => return Poll::Ready(None),
                None => {
                    match &mut queue.reader {
                        Some(reader) => reader.clone_from(cx.waker()),
                        empty @ None => *empty = Some(cx.waker().clone()),
                    }
                    return Poll::Pending;
                }
            }
        };
        self.bytes.fetch_sub(event.size(), Ordering::Relaxed);
        self.length.fetch_sub(1, Ordering::Relaxed);
        self.shared.wake_if_paused();
        Poll::Ready(Some(event))
    }

    /// Ends the reader's side: further events are discarded.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        let events = std::mem::take(&mut self.queue().events);
        self.length.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        drop(events);
        self.shared.wake();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// Returns whether the queue holds `events` or `bytes` beyond its capacity.
    pub(super) fn is_beyond(&self, events: usize, bytes: usize) -> bool {
        self.len() >= self.capacity + events || self.bytes.load(Ordering::Relaxed) >= bytes
    }

    pub(super) fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
