//! The embedded database: one writer that commits for many, readers beside it.

mod calls;
mod channels;
mod claims;
mod connect;
mod lock;
mod operator;
mod report;
mod told;
mod writer;

use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::{Clock, Options, Role, StoreError};
use connect::classify;
use writer::{Job, Pending, Write, Writer};

pub(super) use calls::{Finish, KeepResponse, PutLeg, RemoveLegs};
pub(super) use channels::{PutCdrRead, PutSwitch};
pub(super) use claims::{
    CHUNK, Claim, Pause, Prune, PullForward, PutRequest, Release, Resume, Settle,
};
pub(super) use operator::Replay;
pub(in crate::store) use report::Cursor;

/// Readers at a time; more wait. Reading is for operators and for restarts.
const READERS: usize = 4;

/// Writes that wait for the writer; more wait before they enter.
const QUEUE: usize = 1024;

/// An open SQLite store.
#[derive(Debug)]
pub(super) struct Sqlite {
    path: PathBuf,
    clock: Clock,
    readers: Semaphore,
    read_options: SqliteConnectOptions,
    jobs: mpsc::Sender<Box<dyn Job>>,
    health: watch::Receiver<Health>,
    inserted: watch::Receiver<u64>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl Sqlite {
    /// Opens the file, brings its tables up to date (`Role::Serve`) and starts the writer.
    pub(super) async fn open(options: &Options) -> Result<Self, StoreError> {
        let at = connect::location(&options.url)?;
        let lock = match options.role {
            Role::Serve => Some(lock::Lock::take(at.path())?),
            Role::Beside => None,
        };
        let connection = at.connect(options).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (health_out, health) = watch::channel(Health::well());
        let (inserted_out, inserted) = watch::channel(0);
        let closing = CancellationToken::new();
        let closed = CancellationToken::new();
        let writer = Writer::new(writer::Parts {
            identity: connect::Identity::of(at.path())?,
            options: at.write_options(options),
            connection: Some(connection),
            clock: options.clock,
            jobs: queue,
            health: health_out,
            inserted: inserted_out,
            closing: closing.clone(),
        });
        let done = closed.clone().drop_guard();
        tokio::spawn(async move {
            writer.run().await;
            drop(lock);
            drop(done);
        });
        Ok(Self {
            path: at.path().to_owned(),
            clock: options.clock,
            readers: Semaphore::new(READERS),
            read_options: at.read_options(options),
            jobs,
            health,
            inserted,
            closing,
            closed,
        })
    }

    /// Hands `write` to the writer; returns when it is on the disk.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Output, StoreError> {
        let _held = self.clock.hold_still();
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending::new(write, reply));
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// A connection of its own for each read: it costs a millisecond, and no
    /// broken connection is ever kept.
    async fn read<T>(
        &self,
        query: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let _held = self.clock.hold_still();
        let _permit = self
            .readers
            .acquire()
            .await
            .map_err(|_| StoreError::Closed)?;
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let mut connection = self.read_options.connect().await.map_err(failed)?;
        let rows = query(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok(rows)
    }

    /// How the writer is.
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Changes when a document was inserted by this process.
    pub(super) fn inserted(&self) -> watch::Receiver<u64> {
        self.inserted.clone()
    }

    /// Writes what is queued, then lets go of the file and its lock.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}
