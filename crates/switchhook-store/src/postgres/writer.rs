//! The database as the writer needs it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::connect::Location;
use super::connection::text;
use super::legs::put_legs;
use super::schema_gate::SchemaGate;
use crate::StoreError;
use crate::clock::millis;
use crate::model::{Finished, FinishedCallRecord, StoredLeg};
use crate::sql::calls::FinishCalls as _;
use crate::writer::WriterDatabase;
use switchhook_core::stable_hash::fnv1a;

/// The longest transaction, with everything that it waits for.
pub const LONGEST_WRITE: Duration = Duration::from_secs(15);

/// How long an instance may be idle in a transaction before the server ends it: an instance that
/// hangs must not hold up the others.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(2);

/// How long closing a connection may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// Where the database is, and how long a transaction waits for another.
pub(super) struct ServerWriter {
    gate: Arc<SchemaGate>,
    busy_timeout: Duration,
}

impl ServerWriter {
    pub(super) const fn new(gate: Arc<SchemaGate>, busy_timeout: Duration) -> Self {
        Self { gate, busy_timeout }
    }

    fn location(&self) -> &Location {
        self.gate.location()
    }

    /// Returns the statements that begin a transaction.
    ///
    /// Several instances that follow one switch write about the same calls. They take turns by an
    /// advisory lock for each switch, taken in order, so that no two of them wait for each
    /// other's rows.
    fn begin_statements(&self, switches: &BTreeSet<String>) -> String {
        let keys: BTreeSet<i64> = switches.iter().map(|name| lock_key(name)).collect();
        let locks = keys.iter();
        let locks = locks.map(|key| format!("SELECT pg_advisory_xact_lock({key}); "));
        format!(
            "BEGIN; SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}; \
             {}SELECT (extract(epoch from clock_timestamp()) * 1000)::bigint AS now_ms",
            millis(self.busy_timeout),
            millis(IDLE_IN_TRANSACTION),
            locks.collect::<String>()
        )
    }
}

/// Returns the key of a switch's advisory lock.
fn lock_key(switch: &str) -> i64 {
    fnv1a(text(switch).as_bytes()).cast_signed()
}

impl WriterDatabase for ServerWriter {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        // An error that ends a start must not end a running service: it waits until an operator
        // removes the cause.
        let opened = self.gate.connect_writer().await;
        opened.map_err(|error| {
            if error.is_recoverable() {
                error
            } else {
                StoreError::Unready(Box::new(error))
            }
        })
    }

    async fn begin(
        &self,
        db: &mut PgConnection,
        switches: &BTreeSet<String>,
        now_ms: Option<i64>,
    ) -> Result<i64, StoreError> {
        // The text holds numbers only.
        let begin = sqlx::raw_sql(AssertSqlSafe(self.begin_statements(switches)));
        let begun = begin.fetch_all(db).await;
        let rows = begun.map_err(|error| self.location().classify(&error))?;
        let now = rows.last().map(|row| row.try_get("now_ms"));
        match (now_ms, now) {
            (Some(now_ms), _) => Ok(now_ms),
            (None, Some(now)) => now.map_err(|error| self.location().classify(&error)),
            (None, None) => Err(StoreError::Statement("BEGIN returned no time".into())),
        }
    }

    async fn put_legs(
        &self,
        db: &mut PgConnection,
        legs: &[&StoredLeg],
    ) -> Result<(), sqlx::Error> {
        put_legs(db, legs).await
    }

    async fn finish_calls(
        &self,
        db: &mut PgConnection,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> Result<Vec<Finished>, sqlx::Error> {
        db.finish_calls(calls, now_ms).await
    }

    async fn commit(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let committed = db.execute("COMMIT").await;
        committed
            .map(drop)
            .map_err(|error| self.location().classify(&error))
    }

    async fn roll_back(&self, db: &mut PgConnection) {
        if let Err(error) = db.execute("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    fn classify(&self, error: &sqlx::Error) -> StoreError {
        self.location().classify(error)
    }

    async fn within_deadline(
        &self,
        work: impl Future<Output = Result<(), StoreError>> + Send,
    ) -> Result<(), StoreError> {
        self.location().within(LONGEST_WRITE, work).await
    }

    fn survives(&self, error: &StoreError) -> bool {
        matches!(
            error,
            StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::Statement(_)
        )
    }

    async fn close(&self, db: PgConnection) {
        if let Ok(Err(error)) = tokio::time::timeout(CLOSE_DEADLINE, db.close()).await {
            tracing::debug!(%error, "the connection to the server was not closed cleanly");
        }
    }
}
