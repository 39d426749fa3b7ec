//! What is kept for a while only.

use sqlx::sqlite::SqliteConnection;

use crate::ops::{CHUNK, Prune, Write};

/// A call without times (nothing was learnt of it) has no age.
const CALLS: &str = "DELETE FROM call WHERE id IN
    (SELECT id FROM call WHERE started_ms < ?1 AND ended_ms < ?1 AND (started_ms > 0 OR ended_ms > 0)
     LIMIT ?2)";
const ANSWERS: &str = "DELETE FROM response WHERE id IN
    (SELECT id FROM response WHERE at_ms < ?1 LIMIT ?2)";
const DELIVERED: &str = "DELETE FROM document WHERE id IN
    (SELECT id FROM document WHERE state = 'delivered' AND settled_ms < ?1 LIMIT ?2)";
const DEAD: &str = "DELETE FROM document WHERE id IN
    (SELECT id FROM document WHERE state = 'dead' AND settled_ms < ?1 LIMIT ?2)";

/// In the order of [`crate::Retention::before`].
const STATEMENTS: [&str; 4] = [CALLS, ANSWERS, DELIVERED, DEAD];

impl Write<SqliteConnection> for Prune {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut rows = 0;
        for (text, before) in STATEMENTS.into_iter().zip(self.0.before(now_ms)) {
            let Some(before) = before else { continue };
            let removed = sqlx::query(text).bind(before).bind(CHUNK);
            rows += removed.execute(&mut *db).await?.rows_affected();
        }
        Ok(rows)
    }
}
