//! Settles a lease in one statement, which is one round trip.

use sqlx::postgres::PgConnection;

use crate::model::ATTEMPTS_KEPT;
use crate::operation::Write;
use crate::sql::outbox::Settle;
use crate::sql::statements::settle_document;
use crate::sql::{Columns as _, SqlConnection as _, values};

impl Write<PgConnection> for Settle {
    /// Adds the attempt to the history and removes the oldest ones. The removal does not see the
    /// attempt that is added, so it keeps one less.
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let (started_ms, took_ms) = self.attempt_times(now_ms);
        let sql = concat!(
            "WITH settled AS (",
            settle_document!(),
            " RETURNING id AS settled_id),
             trimmed AS (
                 DELETE FROM attempt USING settled WHERE document_id = settled_id AND id <=
                    (SELECT id FROM attempt WHERE document_id = $5
                     ORDER BY id DESC LIMIT 1 OFFSET $7)),
             added AS (
                 INSERT INTO attempt (document_id, started_ms, took_ms, status, error)
                 SELECT settled_id, $8, $9, $10, $11 FROM settled)
             SELECT count(*) AS settled FROM settled"
        );
        let history = values![
            ATTEMPTS_KEPT - 1,
            started_ms,
            took_ms,
            self.result.status,
            &self.result.error,
        ];
        let values = [&self.values(now_ms)[..], history].concat();
        let settled = db.row(sql, &values, |row| row.integer("settled")).await?;
        let is_held = settled == 1;
        if is_held {
            self.free_next(db, now_ms).await?;
        }
        Ok(is_held)
    }
}
