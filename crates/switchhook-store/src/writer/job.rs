//! An operation in the writer's queue, with the caller that waits for it.

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::model::{Finished, FinishedCallRecord, StoredLeg};
use crate::operation::{Operation, Write};

/// Any [`Write`] with the caller that waits for it.
pub(super) trait Job<C>: Send {
    /// Applies the operation and keeps its output.
    fn run<'a>(&'a mut self, db: &'a mut C, now_ms: i64) -> BoxFuture<'a, Result<(), sqlx::Error>>;

    /// See [`Operation::INSERTS`].
    fn inserts(&self) -> bool;

    /// See [`Operation::switch`].
    fn switch(&self) -> Option<&str>;

    /// See [`Operation::leg`].
    fn leg(&self) -> Option<&StoredLeg>;

    /// Notes that the leg was stored together with others.
    fn leg_stored(&mut self);

    /// See [`Operation::finished_call`].
    fn finished_call(&self) -> Option<&FinishedCallRecord>;

    /// Notes what became of the call, which was finished together with others.
    fn call_finished(&mut self, finished: Finished);

    /// Tells the caller that the transaction was committed, or why not.
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Jobs of one transaction.
pub(super) type Jobs<C> = Vec<Box<dyn Job<C>>>;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A [`Job`] of the operation `W`.
pub(super) struct PendingWrite<W: Operation> {
    write: W,
    output: Option<W::Output>,
    reply: Reply<W::Output>,
}

impl<W: Operation> PendingWrite<W> {
    /// Returns the job, and the receiver of its output.
    pub(super) fn new(write: W) -> (Self, oneshot::Receiver<Result<W::Output, StoreError>>) {
        let (reply, result) = oneshot::channel();
        let pending = Self {
            write,
            output: None,
            reply,
        };
        (pending, result)
    }
}

impl<C: Send, W: Write<C>> Job<C> for PendingWrite<W> {
    fn run<'a>(&'a mut self, db: &'a mut C, now_ms: i64) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.output = Some(self.write.apply(db, now_ms).await?);
            Ok(())
        })
    }

    fn inserts(&self) -> bool {
        W::INSERTS
    }

    fn switch(&self) -> Option<&str> {
        self.write.switch()
    }

    fn leg(&self) -> Option<&StoredLeg> {
        self.write.leg()
    }

    fn leg_stored(&mut self) {
        self.output = W::output_of_leg();
    }

    fn finished_call(&self) -> Option<&FinishedCallRecord> {
        self.write.finished_call()
    }

    fn call_finished(&mut self, finished: Finished) {
        self.output = W::output_of_call(finished);
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        let result = committed.and_then(|()| output.ok_or(StoreError::Closed));
        // The caller may have stopped waiting.
        drop(reply.send(result));
    }
}
