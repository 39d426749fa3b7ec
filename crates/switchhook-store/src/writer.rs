//! The one writer: whatever waits is written in one transaction and synced
//! once, and nobody is told before that.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::error::StoreError;
use super::model::StoredLeg;
use super::ops::{Operation, Probe, Write};
use switchhook_core::health::Health;
use switchhook_core::metric_names;

/// Writes in one transaction; bounds how long the first of them waits.
const BATCH: usize = 256;

/// Writes that wait for the writer; more wait before they enter.
const QUEUE: usize = 1024;

/// A commit that takes longer is said: documents come late by it.
const SLOW: Duration = Duration::from_secs(2);

/// How often a store that failed is tried again.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// A database, as its writer needs it.
pub(super) trait Database: Send + Sync + 'static {
    /// An open connection.
    type Connection: Send;

    /// Whether there is any sense in writing.
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, StoreError>> + Send;

    /// Begins a transaction that writes calls of these switches; what time it is in it,
    /// when `now_ms` does not say.
    fn begin(
        &self,
        db: &mut Self::Connection,
        switches: &BTreeSet<String>,
        now_ms: Option<i64>,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Stores these legs, in this order; there may be none.
    fn put_legs(
        &self,
        db: &mut Self::Connection,
        legs: &[&StoredLeg],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Ends the transaction: all of it is on the disk then.
    fn commit(
        &self,
        db: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Undoes the transaction.
    fn roll_back(&self, db: &mut Self::Connection) -> impl Future<Output = ()> + Send;

    /// What an error means for whoever operates it.
    fn classify(&self, error: &sqlx::Error) -> StoreError;

    /// Gives up what takes too long.
    fn in_time(
        &self,
        work: impl Future<Output = Result<(), StoreError>> + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        work
    }

    /// Whether the connection is of use after this error.
    fn survives(&self, error: &StoreError) -> bool;

    /// Closes the connection.
    fn close(&self, db: Self::Connection) -> impl Future<Output = ()> + Send;
}

/// A [`Write`] of any kind with whoever waits for it.
trait Job<C>: Send {
    fn run<'a>(&'a mut self, db: &'a mut C, now_ms: i64) -> BoxFuture<'a, Result<(), sqlx::Error>>;

    fn inserts(&self) -> bool;

    fn switch(&self) -> Option<&str>;

    /// The leg that it stores, when it does nothing else.
    fn leg(&self) -> Option<&StoredLeg>;

    /// It was done with others.
    fn went(&mut self);

    /// Tells the caller that the transaction was committed, or why not.
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

struct Pending<W: Operation> {
    write: W,
    output: Option<W::Output>,
    reply: Reply<W::Output>,
}

impl<W: Operation> Pending<W> {
    fn new(write: W) -> (Self, oneshot::Receiver<Result<W::Output, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let output = None;
        (
            Self {
                write,
                output,
                reply,
            },
            answer,
        )
    }
}

impl<C: Send, W: Write<C>> Job<C> for Pending<W> {
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

    fn went(&mut self) {
        self.output = W::went();
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        let answer = committed.and_then(|()| output.ok_or(StoreError::Closed));
        // A caller that no longer waits has nothing to learn.
        drop(reply.send(answer));
    }
}

type Jobs<C> = Vec<Box<dyn Job<C>>>;

/// Hands writes to the one that writes them.
pub(super) struct WriterHandle<C> {
    jobs: mpsc::Sender<Box<dyn Job<C>>>,
    health: watch::Receiver<Health>,
    inserted: watch::Receiver<u64>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl<C> std::fmt::Debug for WriterHandle<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

impl<C: Send + 'static> WriterHandle<C> {
    /// Starts the writer of `database`, which has a connection or is to try for one until it
    /// has; `guard` is dropped after its last write.
    pub(super) fn start<D>(
        database: D,
        connection: Result<C, StoreError>,
        clock: Clock,
        guard: impl Send + 'static,
    ) -> Self
    where
        D: Database<Connection = C>,
        Probe: Write<C>,
    {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (health_out, health) = watch::channel(Health::healthy());
        let (inserted_out, inserted) = watch::channel(0);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let mut writer = Writer {
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
            Ok(connection) => writer.connection = Some(connection),
            Err(error) => writer.failed(&error),
        }
        let done = closed.clone().drop_guard();
        tokio::spawn(async move {
            writer.run().await;
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

    /// Hands `write` to the writer; returns when it is on the disk.
    pub(super) async fn write<W>(&self, write: W) -> Result<W::Output, StoreError>
    where
        W: Write<C>,
    {
        let (job, answer) = Pending::new(write);
        self.jobs
            .send(Box::new(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// How the writer is.
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Changes when a document was inserted by this process.
    pub(super) fn inserted(&self) -> watch::Receiver<u64> {
        self.inserted.clone()
    }

    /// Writes what is queued, then lets go of the database.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}

struct Writer<D: Database> {
    database: D,
    /// `None` after a failure that the connection may not have survived.
    connection: Option<D::Connection>,
    clock: Clock,
    jobs: mpsc::Receiver<Box<dyn Job<D::Connection>>>,
    health: watch::Sender<Health>,
    inserted: watch::Sender<u64>,
    closing: CancellationToken,
    /// When a store that failed is tried again; `None` while it is well.
    probe_at: Option<Instant>,
}

impl<D: Database> Writer<D>
where
    Probe: Write<D::Connection>,
{
    /// Writes until the store is closed or nobody holds it, and what is queued then.
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = self.closing.cancelled(), if !self.jobs.is_closed() => {
                    self.jobs.close();
                }
                () = until(self.probe_at) => self.probe().await,
                taken = self.jobs.recv_many(&mut batch, BATCH) => match taken {
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
        // One write that cannot be done must not take the others with it: on a
        // full disk most of what only changes a row still fits.
        let alone = match &committed {
            Ok(())
            | Err(
                StoreError::Locked { .. }
                | StoreError::Gone { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Unready(_),
            ) => false,
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

    /// Begins, does `jobs`, commits; rolls all of it back when one fails.
    async fn commit(&mut self, jobs: &mut [Box<dyn Job<D::Connection>>]) -> Result<(), StoreError> {
        self.database.check()?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.database.connect().await?,
        };
        let (began, writes) = (Instant::now(), jobs.len());
        let work = transaction(&self.database, &mut connection, self.clock, jobs);
        let done = self.database.in_time(work).await;
        tell_of(began.elapsed(), writes);
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

    fn failed(&mut self, error: &StoreError) {
        if !error.is_recoverable() {
            // A fault of one write; its caller is told and says so.
            return;
        }
        if self.probe_at.is_none() {
            tracing::error!(%error, "the store takes no writes; what waits for it goes on waiting");
        }
        self.still_ill(error);
    }

    fn still_ill(&mut self, error: &StoreError) {
        self.probe_at = Some(Instant::now() + PROBE_EVERY);
        self.health.send_replace(Health::failing(error.to_string()));
    }

    /// Looks whether the cause is gone. Needs space of its own: on a full disk
    /// a change in place would succeed and prove nothing.
    async fn probe(&mut self) {
        let mut done = Ok(());
        for probe in [Probe::Fill, Probe::Clear] {
            if done.is_ok() {
                let mut job: [Box<dyn Job<_>>; 1] = [Box::new(Pending::new(probe).0)];
                done = self.commit(&mut job).await;
            }
        }
        match done {
            Ok(()) => {
                self.probe_at = None;
                self.health.send_replace(Health::healthy());
                tracing::info!("the store takes writes again");
            }
            Err(error) => self.still_ill(&error),
        }
    }
}

/// Calls go on meanwhile; what waits for the store is late.
fn tell_of(took: Duration, writes: usize) {
    metrics::histogram!(metric_names::STORE_COMMIT).record(took.as_secs_f64());
    if took >= SLOW {
        let seconds = took.as_secs_f64();
        tracing::warn!(
            seconds,
            writes,
            "the store was slow: documents are late by this; its disk or its server has too much to do"
        );
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn transaction<D: Database>(
    database: &D,
    db: &mut D::Connection,
    clock: Clock,
    jobs: &mut [Box<dyn Job<D::Connection>>],
) -> Result<(), StoreError> {
    let switches: BTreeSet<String> = jobs
        .iter()
        .filter_map(|job| job.switch().map(str::to_owned))
        .collect();
    let now_ms = database.begin(db, &switches, clock.override_ms()).await?;
    let done = run(database, db, now_ms, jobs).await;
    done.map_err(|error| database.classify(&error))?;
    database.commit(db).await
}

/// Does all of them. Legs go together, as far as nothing that is about calls comes between.
async fn run<D: Database>(
    database: &D,
    db: &mut D::Connection,
    now_ms: i64,
    jobs: &mut [Box<dyn Job<D::Connection>>],
) -> Result<(), sqlx::Error> {
    let mut legs = Vec::new();
    for at in 0..jobs.len() {
        if jobs[at].leg().is_some() {
            legs.push(at);
            continue;
        }
        if jobs[at].switch().is_some() {
            put_legs(database, db, jobs, legs.drain(..)).await?;
        }
        jobs[at].run(db, now_ms).await?;
    }
    put_legs(database, db, jobs, legs.drain(..)).await
}

async fn put_legs<D: Database>(
    database: &D,
    db: &mut D::Connection,
    jobs: &mut [Box<dyn Job<D::Connection>>],
    places: impl Iterator<Item = usize> + Send,
) -> Result<(), sqlx::Error> {
    let places: Vec<usize> = places.collect();
    let legs: Vec<_> = places.iter().filter_map(|&at| jobs[at].leg()).collect();
    database.put_legs(db, &legs).await?;
    places.into_iter().for_each(|at| jobs[at].went());
    Ok(())
}
