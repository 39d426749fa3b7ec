//! The way in: nobody writes or reads before the tables are as this version needs them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Executor as _;
use sqlx::postgres::PgConnection;

use super::connect::Location;
use super::migrate;
use super::sql::sql;
use crate::leases::{self, RANDOM_BYTES};
use crate::{Role, StoreError, StoreOptions};

/// What is done to the tables before the first use, and whatever it waits for.
const DEADLINE: Duration = Duration::from_secs(15);

/// Opens connections to a database.
#[derive(Debug)]
pub(super) struct SchemaGate {
    at: Location,
    role: Role,
    /// What the tokens of leases of our place end with.
    mark: Vec<u8>,
    is_ready: AtomicBool,
}

impl SchemaGate {
    pub(super) fn new(at: Location, options: &StoreOptions) -> Self {
        Self {
            at,
            role: options.role,
            mark: leases::mark(options.place.as_deref()),
            is_ready: AtomicBool::new(false),
        }
    }

    pub(super) const fn at(&self) -> &Location {
        &self.at
    }

    /// A connection for whoever writes; the first of them sees to the tables.
    pub(super) async fn open(&self) -> Result<PgConnection, StoreError> {
        let mut db = self.at.connect().await?;
        if !self.is_ready.load(Ordering::Acquire) {
            self.at.within(DEADLINE, self.prepare(&mut db)).await?;
            self.is_ready.store(true, Ordering::Release);
        }
        Ok(db)
    }

    /// A connection for a reader.
    pub(super) async fn enter(&self) -> Result<PgConnection, StoreError> {
        if self.is_ready.load(Ordering::Acquire) {
            return self.at.connect().await;
        }
        Err(StoreError::Unreachable {
            store: self.at.shown().to_owned(),
            why: "it was not reached yet".into(),
        })
    }

    async fn prepare(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        self.at.check_version(db).await?;
        match self.role {
            Role::Serve => migrate::run(&self.at, db).await?,
            Role::Beside => migrate::look(&self.at, db).await?,
        }
        match self.role == Role::Serve && !self.mark.is_empty() {
            true => self.free_predecessors_leases(db).await,
            false => Ok(()),
        }
    }

    /// Whoever leased at our place before us is dead: we have its place.
    async fn free_predecessors_leases(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let freed = free(db, &self.mark).await;
        let freed = freed.map_err(|error| self.at.classify(&error))?;
        if freed > 0 {
            tracing::info!(documents = freed, "freed the leases of a service that died");
        }
        Ok(())
    }
}

/// Their attempts may have reached the receiver: they stay counted.
async fn free(db: &mut PgConnection, mark: &[u8]) -> Result<u64, sqlx::Error> {
    db.execute("BEGIN").await?;
    let random = i32::try_from(RANDOM_BYTES + 1).unwrap_or(i32::MAX);
    sql("UPDATE unpublished SET lease = NULL,
                due_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint
         WHERE substr(lease, $1) = $2")
    .bind(random)
    .bind(mark)
    .execute(&mut *db)
    .await?;
    let freed = sql("UPDATE document SET state = 'waiting', lease = NULL,
                             due_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint
         WHERE state = 'leased' AND substr(lease, $1) = $2")
    .bind(random)
    .bind(mark)
    .execute(&mut *db)
    .await?;
    db.execute("COMMIT").await?;
    Ok(freed.rows_affected())
}
