//! The task that writes: batches, failures, and the probes of a store that failed.

use std::time::Duration;

use switchhook_core::health::Health;
use switchhook_core::metric_names;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::database::WriterDatabase;
use super::job::{Job, Jobs, PendingWrite};
use super::transaction::transaction;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::operation::{Probe, Write};

/// Writes in one transaction; bounds how long the first of them waits.
const BATCH: usize = 256;

/// A commit that takes longer is logged: documents are late by it.
const SLOW_COMMIT: Duration = Duration::from_secs(2);

/// How often a store that failed is probed.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The writer of one store.
pub(super) struct WriterTask<D: WriterDatabase> {
    pub(super) database: D,
    /// `None` after an error that the connection may not have survived.
    pub(super) connection: Option<D::Connection>,
    pub(super) clock: Clock,
    pub(super) jobs: mpsc::Receiver<Box<dyn Job<D::Connection>>>,
    pub(super) health: watch::Sender<Health>,
    pub(super) inserted: watch::Sender<u64>,
    pub(super) closing: CancellationToken,
    /// The next probe of a store that failed; `None` while it is healthy.
    pub(super) probe_at: Option<Instant>,
}

impl<D: WriterDatabase> WriterTask<D>
where
    Probe: Write<D::Connection>,
{
    /// Writes until the store is closed or every handle is dropped, then what is still queued.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = self.closing.cancelled(), if !self.jobs.is_closed() => {
                    self.jobs.close();
                }
                () = sleep_until(self.probe_at) => self.probe().await,
                received = self.jobs.recv_many(&mut batch, BATCH) => match received {
                    0 => break,
                    _ => self.write(&mut batch).await,
                },
            }
        }
        if let Some(connection) = self.connection.take() {
            self.database.close(connection).await;
        }
    }

    async fn write(&mut self, batch: &mut Jobs<D::Connection>) {
        let committed = self.commit(batch).await;
        // One write that fails must not fail the others: on a full disk most updates still fit.
        let one_by_one = match &committed {
            Ok(())
            | Err(
                StoreError::Locked { .. }
                | StoreError::Gone { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Unready(_),
            ) => false,
            Err(_) => batch.len() > 1,
        };
        if !one_by_one {
            self.settle(batch.drain(..), &committed);
            return;
        }
        for job in batch.drain(..) {
            let mut one = [job];
            let committed = self.commit(&mut one).await;
            self.settle(one, &committed);
        }
    }

    /// Tells the callers of these jobs whether they were committed.
    fn settle(
        &mut self,
        jobs: impl IntoIterator<Item = Box<dyn Job<D::Connection>>>,
        committed: &Result<(), StoreError>,
    ) {
        if let Err(error) = committed {
            self.failed(error);
        }
        let mut inserted = false;
        for job in jobs {
            inserted |= committed.is_ok() && job.inserts();
            job.settle(committed.clone());
        }
        if inserted {
            self.inserted
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Runs the jobs in one transaction; when one fails, all of them are undone.
    async fn commit(&mut self, jobs: &mut [Box<dyn Job<D::Connection>>]) -> Result<(), StoreError> {
        self.database.check()?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect().await?,
        };
        let (began, writes) = (Instant::now(), jobs.len());
        let work = transaction(&self.database, &mut connection, self.clock, jobs);
        let done = self.database.within_deadline(work).await;
        record_commit(began.elapsed(), writes);
        if done
            .as_ref()
            .err()
            .is_none_or(|error| self.database.survives(error))
        {
            if done.is_err() {
                self.database.roll_back(&mut connection).await;
            }
            self.connection = Some(connection);
        }
        done
    }

    /// Notes an error; a recoverable one makes the store unhealthy. The others are a fault of one
    /// write, whose caller reports it.
    pub(super) fn failed(&mut self, error: &StoreError) {
        if !error.is_recoverable() {
            return;
        }
        if self.probe_at.is_none() {
            tracing::error!(%error, "the store takes no writes; writes wait until it recovers");
        }
        self.stay_unhealthy(error);
    }

    fn stay_unhealthy(&mut self, error: &StoreError) {
        self.probe_at = Some(Instant::now() + PROBE_EVERY);
        self.health.send_replace(Health::ill(error.to_string()));
    }

    /// Checks whether the store takes writes again. The probe needs space: on a full disk an
    /// update in place succeeds and proves nothing.
    async fn probe(&mut self) {
        let mut done = Ok(());
        for probe in [Probe::Fill, Probe::Clear] {
            if done.is_ok() {
                let mut job: [Box<dyn Job<_>>; 1] = [Box::new(PendingWrite::new(probe).0)];
                done = self.commit(&mut job).await;
            }
        }
        match done {
            Ok(()) => {
                self.probe_at = None;
                self.health.send_replace(Health::well());
                tracing::info!("the store takes writes again");
            }
            Err(error) => self.stay_unhealthy(&error),
        }
    }
}

/// Records how long a commit took. Calls do not wait for it; documents do.
fn record_commit(took: Duration, writes: usize) {
    metrics::histogram!(metric_names::STORE_COMMIT).record(took.as_secs_f64());
    if took >= SLOW_COMMIT {
        let seconds = took.as_secs_f64();
        tracing::warn!(
            seconds,
            writes,
            "the store was slow, and documents are late by this; check the load of its disk or server"
        );
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
