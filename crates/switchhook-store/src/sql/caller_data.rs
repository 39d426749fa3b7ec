//! The rows that may be about one caller, and their removal.

use super::{Dialect, SqlConnection, rows, values};
use crate::caller::{CandidateCall, CandidateRow};
use crate::operation::Operation;

/// Removes rows of one caller. SQLite overwrites them as well.
#[derive(Default)]
pub(crate) struct DeleteRows {
    pub(crate) calls: Vec<i64>,
    pub(crate) responses: Vec<i64>,
    pub(crate) documents: Vec<i64>,
    pub(crate) unpublished: Vec<i64>,
}

impl Operation for DeleteRows {
    type Output = ();
}

impl DeleteRows {
    /// Removes the rows, table by table.
    pub(crate) async fn delete<C: SqlConnection>(&self, db: &mut C) -> Result<(), sqlx::Error> {
        let tables = [
            &self.calls,
            &self.responses,
            &self.documents,
            &self.unpublished,
        ];
        for (sql, ids) in C::DIALECT.delete.iter().zip(tables) {
            db.run(sql, values![&ids[..]]).await?;
        }
        Ok(())
    }
}

/// Returns calls with the text in a number or the history.
pub(crate) async fn candidate_calls<C: SqlConnection>(
    db: &mut C,
    text: &str,
) -> Result<Vec<CandidateCall>, sqlx::Error> {
    let sql = C::DIALECT.calls_with_text;
    db.rows(sql, values![text], rows::candidate_call).await
}

/// Returns the rows of one table with the text in them, or of these channels; `sql` picks the
/// table.
pub(crate) async fn candidate_rows<C: SqlConnection>(
    db: &mut C,
    sql: fn(&Dialect) -> &'static str,
    text: &str,
    uuids: &[String],
) -> Result<Vec<CandidateRow>, sqlx::Error> {
    let sql = sql(C::DIALECT);
    db.rows(sql, values![text, uuids], rows::candidate_row)
        .await
}
