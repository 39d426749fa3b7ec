//! The file as the writer needs it.

use std::collections::BTreeSet;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::error::classify;
use super::identity::FileIdentity;
use super::legs::put_legs;
use crate::StoreError;
use crate::model::{Finished, FinishedCallRecord, StoredLeg};
use crate::sql::calls::FinishCalls as _;
use crate::writer::WriterDatabase;

/// The file and how it is opened.
pub(super) struct FileWriter {
    identity: FileIdentity,
    options: SqliteConnectOptions,
}

impl FileWriter {
    pub(super) const fn new(identity: FileIdentity, options: SqliteConnectOptions) -> Self {
        Self { identity, options }
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> StoreError {
        |error| classify(self.identity.path(), &error)
    }
}

impl WriterDatabase for FileWriter {
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
        put_legs(db, legs).await
    }

    async fn finish_calls(
        &self,
        db: &mut SqliteConnection,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> Result<Vec<Finished>, sqlx::Error> {
        db.finish_calls(calls, now_ms).await
    }

    async fn commit(&self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        let committed = db.execute("COMMIT").await;
        committed.map(drop).map_err(self.failed())
    }

    async fn roll_back(&self, db: &mut SqliteConnection) {
        // SQLite rolls back by itself on a full disk; then this statement fails.
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
