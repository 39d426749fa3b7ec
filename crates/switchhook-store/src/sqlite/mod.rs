//! The embedded database: one writer that commits for many, readers beside it.
//!
//! One `serve` has the file, by a lock on a file beside it; commands may open it as well. Every
//! commit is synced before it is acknowledged.

mod backup;
mod caller_data;
mod connect;
mod connection;
mod error;
mod identity;
mod legs;
mod lock;
mod outbox;
mod writer;

use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::writer::WriterHandle;
use super::{Role, StoreError, StoreOptions};
pub(super) use backup::insert_statement;
use error::classify;
use identity::FileIdentity;
use outbox::FreePredecessorsLeases;
use writer::FileWriter;

/// Checks a URL.
///
/// # Errors
/// What is wrong with the URL, for a person.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    match connect::location(url) {
        Err(StoreError::Url { why, .. }) => Err(why),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// An open SQLite store.
#[derive(Debug)]
pub(super) struct Sqlite {
    path: PathBuf,
    read_options: SqliteConnectOptions,
    writer: WriterHandle<SqliteConnection>,
}

impl Sqlite {
    /// Opens the file and starts the writer; [`Role::Serve`] brings the tables up to date.
    pub(super) async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let location = connect::location(&options.url)?;
        let path = location.path();
        let lock = match options.role {
            Role::Serve => Some(lock::Lock::take(path)?),
            Role::Command => None,
        };
        let connection = location.connect(options).await?;
        let writer = FileWriter::new(FileIdentity::of(path)?, location.write_options(options));
        let opened = Self {
            path: path.to_owned(),
            read_options: location.read_options(options),
            writer: WriterHandle::start(writer, Ok(connection), options.clock, lock),
        };
        if options.role == Role::Serve {
            let _held = options.clock.hold_still();
            opened.free_predecessors_leases().await?;
        }
        Ok(opened)
    }

    async fn free_predecessors_leases(&self) -> Result<(), StoreError> {
        let freed = self.writer.write(FreePredecessorsLeases).await?;
        if freed > 0 {
            tracing::info!(documents = freed, "freed the leases of a service that died");
        }
        Ok(())
    }

    /// Returns the file's path, for people.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Runs a query over a connection of its own: that costs a millisecond, and no broken
    /// connection is kept.
    pub(super) async fn read<T>(
        &self,
        query: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let mut connection = self.read_options.connect().await.map_err(failed)?;
        let result = query(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        Ok(result)
    }

    /// Opens a connection that writes, beside the writer.
    async fn connect_to_write(&self) -> Result<SqliteConnection, StoreError> {
        let options = self.read_options.clone().pragma("query_only", "OFF");
        let connected = options.connect().await;
        connected.map_err(|error| classify(&self.path, &error))
    }

    pub(super) const fn writer(&self) -> &WriterHandle<SqliteConnection> {
        &self.writer
    }

    /// Writes what is queued, then closes the file and frees its lock.
    pub(super) async fn close(&self) {
        self.writer.close().await;
    }
}
