//! The one writer: whatever waits is written in one transaction and synced
//! once, and nobody is told before that.

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connect::{Identity, classify};
use crate::store::StoreError;
use crate::store::clock::Clock;
use crate::store::health::Health;

/// Writes in one transaction; bounds how long the first of them waits.
const BATCH: usize = 256;

/// How often a store that failed is tried again.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Bytes that must fit before a full store counts as well again.
const PROBE_BYTES: i64 = 64 * 1024;

/// One write. It may be applied more than once, when the transaction it was in
/// had to be given up; only the last time counts.
pub(in crate::store) trait Write: Send + Sync + 'static {
    /// What the caller learns once it is on the disk.
    type Output: Send + 'static;

    /// Whether the outbox has something new to send afterwards.
    const INSERTS: bool = false;

    /// Does it, inside a transaction.
    fn apply(
        &self,
        db: &mut SqliteConnection,
        now_ms: i64,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// A [`Write`] of any kind with whoever waits for it.
pub(super) trait Job: Send {
    fn run<'a>(
        &'a mut self,
        db: &'a mut SqliteConnection,
        now_ms: i64,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>>;

    fn inserts(&self) -> bool;

    /// Tells the caller that the transaction was committed, or why not.
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) struct Pending<W: Write> {
    write: W,
    output: Option<W::Output>,
    reply: Reply<W::Output>,
}

impl<W: Write> Pending<W> {
    pub(super) fn new(write: W, reply: Reply<W::Output>) -> Self {
        Self {
            write,
            output: None,
            reply,
        }
    }
}

impl<W: Write> Job for Pending<W> {
    fn run<'a>(
        &'a mut self,
        db: &'a mut SqliteConnection,
        now_ms: i64,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.output = Some(self.write.apply(db, now_ms).await?);
            Ok(())
        })
    }

    fn inserts(&self) -> bool {
        W::INSERTS
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        let answer = committed.and_then(|()| output.ok_or(StoreError::Closed));
        // A caller that no longer waits has nothing to learn.
        drop(reply.send(answer));
    }
}

pub(super) struct Parts {
    pub(super) identity: Identity,
    pub(super) options: SqliteConnectOptions,
    /// `None` after a failure that the connection may not have survived.
    pub(super) connection: Option<SqliteConnection>,
    pub(super) clock: Clock,
    pub(super) jobs: mpsc::Receiver<Box<dyn Job>>,
    pub(super) health: watch::Sender<Health>,
    pub(super) inserted: watch::Sender<u64>,
    pub(super) closing: CancellationToken,
}

pub(super) struct Writer {
    parts: Parts,
    /// When a store that failed is tried again; `None` while it is well.
    probe_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            probe_at: None,
        }
    }

    /// Writes until the store is closed or nobody holds it, and what is queued then.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = self.parts.closing.cancelled(), if !self.parts.jobs.is_closed() => {
                    self.parts.jobs.close();
                }
                () = until(self.probe_at) => self.probe().await,
                taken = self.parts.jobs.recv_many(&mut batch, BATCH) => match taken {
                    0 => break,
                    _ => self.write(&mut batch).await,
                },
            }
        }
        if let Some(connection) = self.parts.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the store was not closed cleanly; nothing is lost");
        }
    }

    async fn write(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        let committed = self.commit(batch).await;
        // One write that cannot be done must not take the others with it: on a
        // full disk most of what only changes a row still fits.
        let alone = match &committed {
            Ok(()) | Err(StoreError::Locked { .. } | StoreError::Gone { .. }) => false,
            Err(_) => batch.len() > 1,
        };
        if !alone {
            self.settle(batch.drain(..), &committed);
            return;
        }
        for job in batch.drain(..) {
            let mut one = [job];
            let committed = self.commit(&mut one).await;
            self.settle(one, &committed);
        }
    }

    fn settle(
        &mut self,
        jobs: impl IntoIterator<Item = Box<dyn Job>>,
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
            self.parts
                .inserted
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Begins, does `jobs`, commits; rolls all of it back when one fails.
    async fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        self.parts.identity.check()?;
        let clock = self.parts.clock;
        let done = match self.connect().await {
            Ok(connection) => {
                let done = transact(connection, clock, jobs).await;
                if done.is_err() {
                    roll_back(connection).await;
                }
                done
            }
            Err(error) => Err(error),
        };
        done.map_err(|error| {
            let error = classify(self.parts.identity.path(), &error);
            if matches!(error, StoreError::Disk { .. } | StoreError::Damaged { .. }) {
                self.parts.connection = None;
            }
            error
        })
    }

    async fn connect(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.parts.connection.take() {
            Some(connection) => connection,
            None => self.parts.options.connect().await?,
        };
        Ok(self.parts.connection.insert(connection))
    }

    fn failed(&mut self, error: &StoreError) {
        if !error.is_recoverable() {
            // A fault of one write; its caller is told and says so.
            return;
        }
        if self.probe_at.is_none() {
            tracing::error!(%error, "the store takes no writes; what waits for it goes on waiting");
        }
        self.probe_at = Some(Instant::now() + PROBE_EVERY);
        self.parts
            .health
            .send_replace(Health::ill(error.to_string()));
    }

    /// Looks whether the cause is gone. Needs space of its own: on a full disk
    /// a change in place would succeed and prove nothing.
    async fn probe(&mut self) {
        let (reply, _) = oneshot::channel();
        let mut write: [Box<dyn Job>; 1] = [Box::new(Pending::new(Probe::Fill, reply))];
        let (reply, _) = oneshot::channel();
        let mut clear: [Box<dyn Job>; 1] = [Box::new(Pending::new(Probe::Clear, reply))];
        let mut done = self.commit(&mut write).await;
        if done.is_ok() {
            done = self.commit(&mut clear).await;
        }
        match done {
            Ok(()) => {
                self.probe_at = None;
                self.parts.health.send_replace(Health::well());
                tracing::info!("the store takes writes again");
            }
            Err(error) => {
                self.probe_at = Some(Instant::now() + PROBE_EVERY);
                self.parts
                    .health
                    .send_replace(Health::ill(error.to_string()));
            }
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn transact(
    db: &mut SqliteConnection,
    clock: Clock,
    jobs: &mut [Box<dyn Job>],
) -> Result<(), sqlx::Error> {
    db.execute("BEGIN IMMEDIATE").await?;
    let now_ms = match clock.override_ms() {
        Some(now_ms) => now_ms,
        None => {
            sqlx::query_scalar("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)")
                .fetch_one(&mut *db)
                .await?
        }
    };
    for job in jobs {
        job.run(db, now_ms).await?;
    }
    db.execute("COMMIT").await?;
    Ok(())
}

async fn roll_back(db: &mut SqliteConnection) {
    // SQLite may have rolled back by itself (a full disk); then this fails, and that is well.
    if let Err(error) = db.execute("ROLLBACK").await {
        tracing::debug!(%error, "nothing to roll back");
    }
}

enum Probe {
    Fill,
    Clear,
}

impl Write for Probe {
    type Output = ();

    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        let query = match self {
            Self::Fill => {
                sqlx::query("INSERT OR REPLACE INTO probe (id, data) VALUES (1, zeroblob(?))")
                    .bind(PROBE_BYTES)
            }
            Self::Clear => sqlx::query("DELETE FROM probe"),
        };
        query.execute(db).await?;
        Ok(())
    }
}
