//! The embedded database: one writer that commits for many, readers beside it.
//!
//! One `serve` has the file, by a lock on a file beside it; commands may open it as well. Every
//! commit is synced before it is acknowledged.

mod backup;
mod caller_data;
mod connect;
mod connection;
mod error;
mod finish;
mod identity;
mod legs;
mod lock;
mod outbox;
mod place;
mod rows;
mod writer;

pub(crate) use place::folder_of;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Checks that a database can be where `url` says, as far as every user sees it.
///
/// # Errors
/// [`StoreError::Place`], or what is wrong with the URL.
pub(super) fn check_place(url: &str) -> Result<(), StoreError> {
    place::check(connect::location(url)?.path())
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
        place::check(path)?;
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
        let _abandoned = interrupt_when_abandoned(&mut connection)
            .await
            .map_err(failed)?;
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

/// Ends the query of a connection when it is dropped. The query runs on a thread of its own, and
/// would go on without its reader.
struct AbandonedQuery(Arc<AtomicBool>);

impl Drop for AbandonedQuery {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Virtual instructions of SQLite between two looks.
const LOOK_EVERY: i32 = 10_000;

async fn interrupt_when_abandoned(
    connection: &mut SqliteConnection,
) -> Result<AbandonedQuery, sqlx::Error> {
    let abandoned = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&abandoned);
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(LOOK_EVERY, move || !seen.load(Ordering::Relaxed));
    Ok(AbandonedQuery(abandoned))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Returns the number of SQLite's threads in this process.
    fn threads() -> usize {
        let all = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            all.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("sqlx-sqlite")).count()
    }

    #[tokio::test]
    async fn an_abandoned_query_ends_with_its_thread() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("x.db").display());
        let options = StoreOptions::new(url, Role::Serve);
        let store = Sqlite::open(&options).await.unwrap();
        let before = threads();
        let endless = store.read(async |db| {
            let numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
                           SELECT count(*) FROM n";
            sqlx::query_scalar::<_, i64>(numbers).fetch_one(db).await
        });
        let abandoned = tokio::time::timeout(Duration::from_millis(200), endless).await;
        assert!(abandoned.is_err());
        while threads() > before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // A query that is read to its end is not disturbed.
        let one =
            store.read(async |db| sqlx::query_scalar::<_, i64>("SELECT 1").fetch_one(db).await);
        assert_eq!(one.await.unwrap(), 1);
        store.close().await;
    }
}
