//! What is stored of one caller: found, removed, overwritten.

use sqlx::FromRow as _;
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::{Sqlite, classify, lock};
use crate::StoreError;
use crate::caller::{CandidateCall, CandidateRow, Scrubbed};
use crate::ops::{Forget, Write};

/// A table's ids that go.
const STATEMENTS: [&str; 4] = [
    "DELETE FROM call WHERE id IN (SELECT value FROM json_each(?))",
    "DELETE FROM response WHERE id IN (SELECT value FROM json_each(?))",
    "DELETE FROM document WHERE id IN (SELECT value FROM json_each(?))",
    "DELETE FROM unpublished WHERE id IN (SELECT value FROM json_each(?))",
];

impl Write<SqliteConnection> for Forget {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        // What is removed is overwritten with zeros.
        db.execute("PRAGMA secure_delete = ON").await?;
        let kinds = [
            &self.calls,
            &self.answers,
            &self.documents,
            &self.unpublished,
        ];
        for (text, ids) in STATEMENTS.into_iter().zip(kinds) {
            let ids = serde_json::json!(ids).to_string();
            sqlx::query(text).bind(ids).execute(&mut *db).await?;
        }
        Ok(())
    }
}

impl Sqlite {
    /// Calls with the clue in a number or the story.
    pub(crate) async fn suspect_calls(&self, clue: &str) -> Result<Vec<CandidateCall>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(
                "SELECT id, call_uuid, started_ms, caller, called, story FROM call
                 WHERE instr(caller || ' ' || called || ' ' || story, ?) > 0 ORDER BY id",
            )
            .bind(clue)
            .try_map(|row| CandidateCall::from_row(&row))
            .fetch_all(db)
            .await
        })
        .await
    }

    /// What a statement finds for the clue and for these channels.
    async fn suspects(
        &self,
        statement: &'static str,
        clue: &str,
        uuids: &[String],
    ) -> Result<Vec<CandidateRow>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(statement)
                .bind(clue)
                .bind(serde_json::json!(uuids).to_string())
                .try_map(|row| CandidateRow::from_row(&row))
                .fetch_all(db)
                .await
        })
        .await
    }

    /// Kept answers with the clue in them, or of one of these channels.
    pub(crate) async fn suspect_answers(
        &self,
        clue: &str,
        uuids: &[String],
    ) -> Result<Vec<CandidateRow>, StoreError> {
        self.suspects(
            "SELECT id, NULL AS state, call_uuid AS channel, CAST(variables AS BLOB) AS text
             FROM response WHERE instr(variables, ?1) > 0
                OR call_uuid IN (SELECT value FROM json_each(?2))",
            clue,
            uuids,
        )
        .await
    }

    /// Documents with the clue in them, or of one of these channels.
    pub(crate) async fn suspect_documents(
        &self,
        clue: &str,
        uuids: &[String],
    ) -> Result<Vec<CandidateRow>, StoreError> {
        self.suspects(
            "SELECT id, state, call_uuid AS channel,
                    CAST(coalesce(url, '') || ' ' || headers || ' ' AS BLOB) || body AS text
             FROM document WHERE instr(coalesce(url, '') || ' ' || headers, ?1) > 0
                OR instr(body, CAST(?1 AS BLOB)) > 0
                OR call_uuid IN (SELECT value FROM json_each(?2))",
            clue,
            uuids,
        )
        .await
    }

    /// Calls that wait for their recordings with the clue in them, or of these channels.
    pub(crate) async fn suspect_unpublished(
        &self,
        clue: &str,
        uuids: &[String],
    ) -> Result<Vec<CandidateRow>, StoreError> {
        self.suspects(
            "SELECT id, NULL AS state, call_uuid AS channel, CAST(json AS BLOB) AS text
             FROM unpublished WHERE instr(json, ?1) > 0
                OR call_uuid IN (SELECT value FROM json_each(?2))",
            clue,
            uuids,
        )
        .await
    }

    /// Leaves no copy of what was removed, as far as that can be.
    pub(crate) async fn scrub(&self) -> Result<Scrubbed, StoreError> {
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let alone = lock::Lock::take(&self.path).ok();
        let write = self.read_options.clone().pragma("query_only", "OFF");
        let mut db = write.connect().await.map_err(failed)?;
        if alone.is_some() {
            db.execute("VACUUM").await.map_err(failed)?;
        }
        // The log has the pages as they were.
        let log = "PRAGMA wal_checkpoint(TRUNCATE)";
        db.execute(log).await.map_err(failed)?;
        db.close().await.map_err(failed)?;
        Ok(match alone {
            Some(_) => Scrubbed::All,
            None => Scrubbed::BesideServe,
        })
    }
}
