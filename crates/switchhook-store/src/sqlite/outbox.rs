//! Settles a lease, and frees those of a dead predecessor.

use sqlx::sqlite::SqliteConnection;

use crate::model::ATTEMPTS_KEPT;
use crate::operation::{Operation, Write};
use crate::sql::outbox::Settle;
use crate::sql::statements::settle_document;
use crate::sql::{SqlConnection as _, values};

impl Write<SqliteConnection> for Settle {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let values = self.values(now_ms);
        let is_held = db.run(settle_document!(), &values).await? == 1;
        if is_held {
            self.add_attempt(db, now_ms).await?;
            self.free_next(db, now_ms).await?;
        }
        Ok(is_held)
    }
}

impl Settle {
    /// Adds the attempt to the history and removes the oldest ones.
    async fn add_attempt(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<(), sqlx::Error> {
        let (started_ms, took_ms) = self.attempt_times(now_ms);
        let sql = "INSERT INTO attempt (document_id, started_ms, took_ms, status, error)
             VALUES ($1, $2, $3, $4, $5)";
        let values = values![
            self.lease.id,
            started_ms,
            took_ms,
            self.result.status,
            &self.result.error,
        ];
        db.run(sql, values).await?;
        let sql = "DELETE FROM attempt WHERE document_id = $1 AND rowid <=
                (SELECT rowid FROM attempt WHERE document_id = $1
                 ORDER BY rowid DESC LIMIT 1 OFFSET $2)";
        let values = values![self.lease.id, ATTEMPTS_KEPT];
        db.run(sql, values).await.map(drop)
    }
}

/// Frees every lease: a dead predecessor held them, since this process has the file's lock. The
/// output counts the documents.
pub(super) struct FreePredecessorsLeases;

impl Operation for FreePredecessorsLeases {
    type Output = u64;
    const INSERTS: bool = true;
}

impl Write<SqliteConnection> for FreePredecessorsLeases {
    /// The attempts stay counted, since they may have reached the receiver.
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let documents = "UPDATE document SET state = 'waiting', lease = NULL, due_ms = $1
             WHERE state IN ('waiting', 'leased') AND state = 'leased'";
        let freed = db.run(documents, values![now_ms]).await?;
        let calls = "UPDATE unpublished SET lease = NULL, due_ms = $1 WHERE lease IS NOT NULL";
        db.run(calls, values![now_ms]).await?;
        Ok(freed)
    }
}
