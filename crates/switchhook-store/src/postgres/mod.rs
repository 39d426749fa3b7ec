//! A database that any number of instances share: each has a writer that commits for
//! many, and readers beside it.
//!
//! Works through a pooler in transaction mode (pgbouncer): every statement runs inside a
//! transaction and has no name, locks end with their transaction, and nothing listens:
//! what another instance inserted or freed is seen within the outbox's second.

mod backup;
mod calls;
mod channels;
mod claims;
mod connect;
mod database;
mod examine;
mod forget;
mod migrate;
mod operator;
mod prune;
mod recent_calls;
mod report;
mod schema_gate;
mod sql;
mod unpublished;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::sync::{Mutex, Semaphore, watch};

use super::ops::Write;
use super::writer::Handle;
use super::{Clock, Role, StoreError, StoreOptions};
use connect::Location;
use database::Database;
use schema_gate::SchemaGate;
use switchhook_core::health::Health;

pub(super) use connect::{check_url, is_url};

/// Readers at a time; more wait. Reading is for operators and for restarts.
const READERS: usize = 4;

/// One read, its connection included.
const READ_DEADLINE: Duration = Duration::from_secs(60);

/// An open PostgreSQL store.
#[derive(Debug)]
pub(super) struct Postgres {
    door: Arc<SchemaGate>,
    clock: Clock,
    readers: Semaphore,
    idle: Mutex<Option<PgConnection>>,
    writer: Handle<PgConnection>,
}

impl Postgres {
    /// Connects, brings the tables up to date (`Role::Serve`) and starts the writer. A
    /// service does not wait for a server that is away: its writer goes on trying.
    pub(super) async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let _held = options.clock.hold_still();
        let door = Arc::new(SchemaGate::new(connect::location(options)?, options));
        let connection = match door.open().await {
            Err(error) if !waits_for(options.role, &error) => return Err(error),
            connection => connection,
        };
        let database = Database::new(Arc::clone(&door), options.busy_timeout);
        Ok(Self {
            door,
            clock: options.clock,
            readers: Semaphore::new(READERS),
            idle: Mutex::new(None),
            writer: Handle::start(database, connection, options.clock, ()),
        })
    }

    /// Where it is, without a password.
    pub(super) fn shown(&self) -> String {
        self.at().shown().to_owned()
    }

    fn at(&self) -> &Location {
        self.door.at()
    }

    /// Hands `write` to the writer; returns when it is on the disk.
    pub(super) async fn write<W>(&self, write: W) -> Result<W::Output, StoreError>
    where
        W: Write<PgConnection>,
    {
        let _held = self.clock.hold_still();
        self.writer.write(write).await
    }

    async fn read<T>(
        &self,
        query: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let _held = self.clock.hold_still();
        let _permit = self
            .readers
            .acquire()
            .await
            .map_err(|_| StoreError::Closed)?;
        let read = async {
            let failed = |error: sqlx::Error| self.at().classify(&error);
            let mut connection = self.reader().await?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            connection.execute(begin).await.map_err(failed)?;
            let rows = query(&mut connection).await.map_err(failed)?;
            connection.execute("COMMIT").await.map_err(failed)?;
            // One is kept; more are for a rush.
            self.idle.lock().await.get_or_insert(connection);
            Ok(rows)
        };
        self.at().within(READ_DEADLINE, read).await
    }

    /// The one that is kept, when it is still good; a new one otherwise.
    async fn reader(&self) -> Result<PgConnection, StoreError> {
        if let Some(mut kept) = self.idle.lock().await.take()
            && kept.ping().await.is_ok()
        {
            return Ok(kept);
        }
        self.door.enter().await
    }

    /// How the writer is.
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.writer.health()
    }

    /// Changes when a document was inserted by this process.
    pub(super) fn inserted(&self) -> watch::Receiver<u64> {
        self.writer.inserted()
    }

    /// Writes what is queued, then lets go of the database.
    pub(super) async fn close(&self) {
        self.writer.close().await;
        drop(self.idle.lock().await.take());
    }
}

/// Calls do not depend on the database, so a service starts without it; what is wrong with the
/// configuration is said at once.
fn waits_for(role: Role, error: &StoreError) -> bool {
    let is_away = matches!(
        error,
        StoreError::Unreachable { .. } | StoreError::Locked { .. } | StoreError::Full { .. }
    );
    role == Role::Serve && is_away
}
