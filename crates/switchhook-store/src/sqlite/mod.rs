//! The embedded database: one writer that commits for many, readers beside it.

mod backup;
mod calls;
mod channels;
mod claims;
mod connect;
mod database;
mod forget;
mod lock;
mod operator;
mod prune;
mod recent_calls;
mod report;
mod unpublished;

use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Semaphore, watch};

use super::ops::Write;
use super::writer::Handle;
use super::{Clock, Role, StoreError, StoreOptions};
use claims::FreeAll;
use connect::classify;
use database::Database;
use switchhook_core::health::Health;

/// What is wrong with a URL.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    let error = connect::location(url).err();
    match error {
        Some(StoreError::Url { why, .. }) => Err(why),
        Some(_) | None => Ok(()),
    }
}

/// Readers at a time; more wait. Reading is for operators and for restarts.
const READERS: usize = 4;

/// An open SQLite store.
#[derive(Debug)]
pub(super) struct Sqlite {
    path: PathBuf,
    clock: Clock,
    readers: Semaphore,
    read_options: SqliteConnectOptions,
    writer: Handle<SqliteConnection>,
}

impl Sqlite {
    /// Opens the file, brings its tables up to date (`Role::Serve`) and starts the writer.
    pub(super) async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let at = connect::location(&options.url)?;
        let lock = match options.role {
            Role::Serve => Some(lock::Lock::take(at.path())?),
            Role::Beside => None,
        };
        let connection = at.connect(options).await?;
        let database = Database::new(connect::Identity::of(at.path())?, at.write_options(options));
        let opened = Self {
            path: at.path().to_owned(),
            clock: options.clock,
            readers: Semaphore::new(READERS),
            read_options: at.read_options(options),
            writer: Handle::start(database, Ok(connection), options.clock, lock),
        };
        if options.role == Role::Serve {
            opened.free_predecessors_leases().await?;
        }
        Ok(opened)
    }

    async fn free_predecessors_leases(&self) -> Result<(), StoreError> {
        let freed = self.write(FreeAll).await?;
        if freed > 0 {
            tracing::info!(documents = freed, "freed the leases of a service that died");
        }
        Ok(())
    }

    /// Where it is.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Hands `write` to the writer; returns when it is on the disk.
    pub(super) async fn write<W>(&self, write: W) -> Result<W::Output, StoreError>
    where
        W: Write<SqliteConnection>,
    {
        let _held = self.clock.hold_still();
        self.writer.write(write).await
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
        self.writer.health()
    }

    /// Changes when a document was inserted by this process.
    pub(super) fn inserted(&self) -> watch::Receiver<u64> {
        self.writer.inserted()
    }

    /// Writes what is queued, then lets go of the file and its lock.
    pub(super) async fn close(&self) {
        self.writer.close().await;
    }
}
