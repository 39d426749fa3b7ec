//! A database that any number of instances share: each has a writer that commits for many, and
//! readers beside it.
//!
//! It works through a pooler in transaction mode (pgbouncer): every statement runs inside a
//! transaction and has no name, locks end with their transaction, and nothing listens. The
//! outbox looks every second for what another instance inserted or freed.

mod backup;
mod caller_data;
mod channels;
mod connect;
mod connection;
mod elsewhere;
mod error;
mod finish;
mod legs;
mod migrate;
mod outbox;
mod schema_gate;
mod server;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::sync::Mutex;

use super::writer::WriterHandle;
use super::{Role, StoreError, StoreOptions};
use connect::Location;
use schema_gate::SchemaGate;
use writer::ServerWriter;

pub(super) use connect::{check_url, is_url};
pub use writer::LONGEST_WRITE;

/// The longest read, with its connection.
const READ_DEADLINE: Duration = Duration::from_secs(60);

/// An open PostgreSQL store.
#[derive(Debug)]
pub(super) struct Postgres {
    gate: Arc<SchemaGate>,
    idle_reader: Mutex<Option<PgConnection>>,
    writer: WriterHandle<PgConnection>,
}

impl Postgres {
    /// Connects and starts the writer; [`Role::Serve`] brings the tables up to date. A service
    /// does not wait for a server that is away: its writer connects later.
    pub(super) async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let _held = options.clock.hold_still();
        let location = connect::location(options)?;
        let gate = Arc::new(SchemaGate::new(location, options));
        let connection = match gate.connect_writer().await {
            Err(error) if !starts_without(options.role, &error) => return Err(error),
            connection => connection,
        };
        let writer = ServerWriter::new(Arc::clone(&gate), options.busy_timeout);
        Ok(Self {
            gate,
            idle_reader: Mutex::new(None),
            writer: WriterHandle::start(writer, connection, options.clock, ()),
        })
    }

    /// Returns the database's address without a password, for people.
    pub(super) fn shown(&self) -> String {
        self.location().shown().to_owned()
    }

    fn location(&self) -> &Location {
        self.gate.location()
    }

    /// Runs a query in a transaction that sees the rows of one moment.
    pub(super) async fn read<T>(
        &self,
        query: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let read = async {
            let failed = |error: sqlx::Error| self.location().classify(&error);
            let mut connection = self.reader().await?;
            // The server ends what nobody waits for any more.
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                         SET LOCAL statement_timeout = '60s'";
            connection.execute(begin).await.map_err(failed)?;
            let result = query(&mut connection).await.map_err(failed)?;
            connection.execute("COMMIT").await.map_err(failed)?;
            self.idle_reader.lock().await.get_or_insert(connection);
            Ok(result)
        };
        self.location().within(READ_DEADLINE, read).await
    }

    /// Returns the idle connection when it still works, else a new one.
    async fn reader(&self) -> Result<PgConnection, StoreError> {
        if let Some(mut idle) = self.idle_reader.lock().await.take()
            && idle.ping().await.is_ok()
        {
            return Ok(idle);
        }
        self.gate.connect_reader().await
    }

    pub(super) const fn writer(&self) -> &WriterHandle<PgConnection> {
        &self.writer
    }

    /// Writes what is queued, then closes the connections.
    pub(super) async fn close(&self) {
        self.writer.close().await;
        drop(self.idle_reader.lock().await.take());
    }
}

/// Returns whether the store opens in spite of the error. Calls do not depend on the database, so
/// a service starts while it is away; a wrong configuration ends the start.
fn starts_without(role: Role, error: &StoreError) -> bool {
    let is_away = matches!(
        error,
        StoreError::Unreachable { .. } | StoreError::Locked { .. } | StoreError::Full { .. }
    );
    role == Role::Serve && is_away
}
