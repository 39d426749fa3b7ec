//! Opens connections. No connection writes or reads before the tables fit this version.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Executor as _;
use sqlx::postgres::PgConnection;

use super::connect::Location;
use super::connection::unnamed;
use super::migrate;
use crate::leases::{RANDOM_BYTES, holder_suffix};
use crate::{Role, StoreError, StoreOptions};

/// The longest preparation of the tables, with everything that it waits for.
const DEADLINE: Duration = Duration::from_secs(15);

/// Opens connections to a database, and prepares its tables before the first one is used.
#[derive(Debug)]
pub(super) struct SchemaGate {
    location: Location,
    role: Role,
    /// What the tokens of our instance's leases end with.
    holder_suffix: Vec<u8>,
    is_ready: AtomicBool,
}

impl SchemaGate {
    pub(super) fn new(location: Location, options: &StoreOptions) -> Self {
        Self {
            location,
            role: options.role,
            holder_suffix: holder_suffix(options.instance_id.as_deref()),
            is_ready: AtomicBool::new(false),
        }
    }

    pub(super) const fn location(&self) -> &Location {
        &self.location
    }

    /// Opens a connection for the writer; the first one prepares the tables.
    pub(super) async fn connect_writer(&self) -> Result<PgConnection, StoreError> {
        let mut db = self.location.connect().await?;
        if !self.is_ready.load(Ordering::Acquire) {
            self.location
                .within(DEADLINE, self.prepare(&mut db))
                .await?;
            self.is_ready.store(true, Ordering::Release);
        }
        Ok(db)
    }

    /// Opens a connection for a reader; fails before the writer has prepared the tables.
    pub(super) async fn connect_reader(&self) -> Result<PgConnection, StoreError> {
        if self.is_ready.load(Ordering::Acquire) {
            return self.location.connect().await;
        }
        Err(StoreError::Unreachable {
            store: self.location.shown().to_owned(),
            why: "it has not been reached since the start".into(),
        })
    }

    async fn prepare(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        self.location.check_version(db).await?;
        match self.role {
            Role::Serve => migrate::run(&self.location, db).await?,
            Role::Command => migrate::check(&self.location, db).await?,
        }
        if self.role == Role::Serve && !self.holder_suffix.is_empty() {
            self.free_predecessors_leases(db).await?;
        }
        Ok(())
    }

    /// Frees the leases of an earlier process with our instance id, which is dead.
    async fn free_predecessors_leases(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let freed = free_leases(db, &self.holder_suffix).await;
        let freed = freed.map_err(|error| self.location.classify(&error))?;
        if freed > 0 {
            tracing::info!(documents = freed, "freed the leases of a service that died");
        }
        Ok(())
    }
}

/// Frees leases whose token has this suffix. The attempts stay counted, since they may have
/// reached the receiver.
async fn free_leases(db: &mut PgConnection, suffix: &[u8]) -> Result<u64, sqlx::Error> {
    db.execute("BEGIN").await?;
    let suffix_from = i32::try_from(RANDOM_BYTES + 1).unwrap_or(i32::MAX);
    unnamed(
        "UPDATE unpublished SET lease = NULL,
                due_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint
         WHERE substr(lease, $1) = $2",
    )
    .bind(suffix_from)
    .bind(suffix)
    .execute(&mut *db)
    .await?;
    let freed = unnamed(
        "UPDATE document SET state = 'waiting', lease = NULL,
                             due_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint
         WHERE state = 'leased' AND substr(lease, $1) = $2",
    )
    .bind(suffix_from)
    .bind(suffix)
    .execute(&mut *db)
    .await?;
    db.execute("COMMIT").await?;
    Ok(freed.rows_affected())
}
