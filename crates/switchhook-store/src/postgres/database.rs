//! The database, as its writer needs it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::calls::put_legs;
use super::connect::Location;
use super::schema_gate::SchemaGate;
use super::sql::{sql, text};
use crate::clock::millis;
use crate::model::StoredLeg;
use crate::ops::{PROBE_BYTES, Probe, Write};
use crate::{StoreError, writer};

/// One transaction's statements, and whatever they wait for.
const DEADLINE: Duration = Duration::from_secs(15);

/// An instance that stands still in a transaction must not hold up the others: the
/// server gives up its transaction then.
const STANDSTILL: Duration = Duration::from_secs(2);

/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where it is, and how long a transaction waits for another.
pub(super) struct Database {
    door: Arc<SchemaGate>,
    patience: Duration,
}

impl Database {
    pub(super) const fn new(door: Arc<SchemaGate>, patience: Duration) -> Self {
        Self { door, patience }
    }

    fn at(&self) -> &Location {
        self.door.at()
    }

    /// Several instances that follow one switch write of the same calls. They take turns,
    /// so that no two of them wait for each other's rows.
    fn beginning(&self, switches: &BTreeSet<String>) -> String {
        let keys: BTreeSet<i64> = switches.iter().map(|name| key(name)).collect();
        let turns = keys.iter();
        let turns = turns.map(|key| format!("SELECT pg_advisory_xact_lock({key}); "));
        format!(
            "BEGIN; SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}; \
             {}SELECT (extract(epoch from clock_timestamp()) * 1000)::bigint AS now_ms",
            millis(self.patience),
            millis(STANDSTILL),
            turns.collect::<String>()
        )
    }
}

/// The number of a switch's turns: FNV-1a, which every version computes alike.
fn key(switch: &str) -> i64 {
    let hash = text(switch)
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    hash.cast_signed()
}

impl writer::Database for Database {
    type Connection = PgConnection;

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        // What ends a start that has just begun must not end a service that has calls: it waits
        // for whoever can see to it.
        let opened = self.door.open().await;
        opened.map_err(|error| match error.is_recoverable() {
            true => error,
            false => StoreError::Unready(Box::new(error)),
        })
    }

    async fn begin(
        &self,
        db: &mut PgConnection,
        switches: &BTreeSet<String>,
        now_ms: Option<i64>,
    ) -> Result<i64, StoreError> {
        // Numbers of ours alone.
        let beginning = sqlx::raw_sql(AssertSqlSafe(self.beginning(switches)));
        let begun = beginning.fetch_all(db).await;
        let rows = begun.map_err(|error| self.at().classify(&error))?;
        let now = rows.last().map(|row| row.try_get("now_ms"));
        match (now_ms, now) {
            (Some(now_ms), _) => Ok(now_ms),
            (None, Some(now)) => now.map_err(|error| self.at().classify(&error)),
            (None, None) => Err(StoreError::Statement("no time".into())),
        }
    }

    async fn put_legs(
        &self,
        db: &mut PgConnection,
        legs: &[&StoredLeg],
    ) -> Result<(), sqlx::Error> {
        put_legs(db, legs).await
    }

    async fn commit(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let committed = db.execute("COMMIT").await;
        committed
            .map(drop)
            .map_err(|error| self.at().classify(&error))
    }

    async fn roll_back(&self, db: &mut PgConnection) {
        if let Err(error) = db.execute("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    fn classify(&self, error: &sqlx::Error) -> StoreError {
        self.at().classify(error)
    }

    async fn in_time(
        &self,
        work: impl Future<Output = Result<(), StoreError>> + Send,
    ) -> Result<(), StoreError> {
        self.at().within(DEADLINE, work).await
    }

    fn survives(&self, error: &StoreError) -> bool {
        matches!(
            error,
            StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::Statement(_)
        )
    }

    async fn close(&self, db: PgConnection) {
        if let Ok(Err(error)) = tokio::time::timeout(GOODBYE, db.close()).await {
            tracing::debug!(%error, "the server was not told that we leave");
        }
    }
}

impl Write<PgConnection> for Probe {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        let query = match self {
            Self::Fill => sql(
                "INSERT INTO probe (id, data) VALUES (1, decode(repeat('00', $1), 'hex'))
                 ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            )
            .bind(PROBE_BYTES),
            Self::Clear => sql("DELETE FROM probe"),
        };
        query.execute(db).await?;
        Ok(())
    }
}
