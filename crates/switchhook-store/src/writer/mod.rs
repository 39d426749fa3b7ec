//! The one writer of a store. It writes everything that waits in one transaction and syncs once;
//! no caller gets its output before that.

mod database;
mod job;
mod task;
mod together;
mod transaction;

use switchhook_core::health::Health;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub(super) use database::WriterDatabase;

use super::clock::Clock;
use super::error::StoreError;
use super::operation::{Probe, Write};
use job::{Job, PendingWrite};
use task::WriterTask;

/// Writes that wait for the writer; more wait before they enter the queue.
const QUEUE: usize = 1024;

/// Hands operations to the writer.
pub(super) struct WriterHandle<C> {
    jobs: mpsc::Sender<Box<dyn Job<C>>>,
    health: watch::Receiver<Health>,
    inserted: watch::Receiver<u64>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl<C> std::fmt::Debug for WriterHandle<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriterHandle")
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

impl<C: Send + 'static> WriterHandle<C> {
    /// Starts the writer of `database` with its connection, or with the error of connecting: the
    /// writer then tries again. `guard` is dropped after the last write.
    pub(super) fn start<D>(
        database: D,
        connection: Result<C, StoreError>,
        clock: Clock,
        guard: impl Send + 'static,
    ) -> Self
    where
        D: WriterDatabase<Connection = C>,
        Probe: Write<C>,
    {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (health_out, health) = watch::channel(Health::healthy());
        let (inserted_out, inserted) = watch::channel(0);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let mut task = WriterTask {
            database,
            connection: None,
            clock,
            jobs: queue,
            health: health_out,
            inserted: inserted_out,
            closing: closing.clone(),
            probe_at: None,
        };
        match connection {
            Ok(connection) => task.connection = Some(connection),
            Err(error) => task.failed(&error),
        }
        let done = closed.clone().drop_guard();
        tokio::spawn(async move {
            task.run().await;
            drop(guard);
            drop(done);
        });
        Self {
            jobs,
            health,
            inserted,
            closing,
            closed,
        }
    }

    /// Hands an operation to the writer; returns when it is on the disk.
    pub(super) async fn write<W>(&self, write: W) -> Result<W::Output, StoreError>
    where
        W: Write<C>,
    {
        let (job, result) = PendingWrite::new(write);
        self.jobs
            .send(Box::new(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Returns whether the store takes writes.
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Changes when this process inserted or freed something to send.
    pub(super) fn inserted(&self) -> watch::Receiver<u64> {
        self.inserted.clone()
    }

    /// Writes what is queued, then closes the connection.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}
