//! The file, as its writer needs it.

use std::collections::BTreeSet;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::calls::put_leg;
use super::connect::{Identity, classify};
use crate::model::StoredLeg;
use crate::ops::{PROBE_BYTES, Probe, Write};
use crate::{StoreError, writer};

/// The file and how it is opened.
pub(super) struct Database {
    identity: Identity,
    options: SqliteConnectOptions,
}

impl Database {
    pub(super) const fn new(identity: Identity, options: SqliteConnectOptions) -> Self {
        Self { identity, options }
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> StoreError {
        |error| classify(self.identity.path(), &error)
    }
}

impl writer::Database for Database {
    type Connection = SqliteConnection;

    fn check(&self) -> Result<(), StoreError> {
        self.identity.check()
    }

    async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.options.connect().await.map_err(self.failed())
    }

    async fn begin(
        &self,
        db: &mut SqliteConnection,
        _: &BTreeSet<String>,
        now_ms: Option<i64>,
    ) -> Result<i64, StoreError> {
        let begun = db.execute("BEGIN IMMEDIATE").await;
        begun.map_err(self.failed())?;
        match now_ms {
            Some(now_ms) => Ok(now_ms),
            None => sqlx::query_scalar("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)")
                .fetch_one(db)
                .await
                .map_err(self.failed()),
        }
    }

    async fn put_legs(
        &self,
        db: &mut SqliteConnection,
        legs: &[&StoredLeg],
    ) -> Result<(), sqlx::Error> {
        for leg in legs {
            put_leg(db, leg).await?;
        }
        Ok(())
    }

    async fn commit(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let committed = db.execute("COMMIT").await;
        committed.map(drop).map_err(self.failed())
    }

    async fn roll_back(&self, db: &mut SqliteConnection) {
        // SQLite may have rolled back by itself (a full disk); then this fails, and that is well.
        if let Err(error) = db.execute("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    fn classify(&self, error: &sqlx::Error) -> StoreError {
        classify(self.identity.path(), error)
    }

    fn survives(&self, error: &StoreError) -> bool {
        !matches!(error, StoreError::Disk { .. } | StoreError::Damaged { .. })
    }

    async fn close(&self, db: SqliteConnection) {
        if let Err(error) = db.close().await {
            tracing::warn!(%error, "the store was not closed cleanly; nothing is lost");
        }
    }
}

impl Write<SqliteConnection> for Probe {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        let query = match self {
            Self::Fill => {
                sqlx::query("INSERT OR REPLACE INTO probe (id, data) VALUES (1, zeroblob(?))")
                    .bind(PROBE_BYTES)
            }
            Self::Clear => sqlx::query("DELETE FROM probe"),
        };
        query.execute(db).await?;
        Ok(())
    }
}
