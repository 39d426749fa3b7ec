//! What is stored of one caller: found, removed, overwritten.

use sqlx::FromRow as _;
use sqlx::postgres::PgConnection;

use super::Postgres;
use super::sql::{sql, text, texts};
use crate::StoreError;
use crate::caller::{CandidateCall, CandidateRow};
use crate::ops::{Forget, Write};

/// A table's ids that go.
const STATEMENTS: [&str; 4] = [
    "DELETE FROM call WHERE id = ANY($1)",
    "DELETE FROM response WHERE id = ANY($1)",
    "DELETE FROM document WHERE id = ANY($1)",
    "DELETE FROM unpublished WHERE id = ANY($1)",
];

impl Write<PgConnection> for Forget {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        let kinds = [
            &self.calls,
            &self.answers,
            &self.documents,
            &self.unpublished,
        ];
        for (text, ids) in STATEMENTS.into_iter().zip(kinds) {
            sql(text).bind(ids.clone()).execute(&mut *db).await?;
        }
        Ok(())
    }
}

impl Postgres {
    /// Calls with the clue in a number or the story.
    pub(crate) async fn suspect_calls(&self, clue: &str) -> Result<Vec<CandidateCall>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql(
                "SELECT id, call_uuid, started_ms, caller, called, story FROM call
                 WHERE strpos(caller || ' ' || called || ' ' || story, $1) > 0 ORDER BY id",
            )
            .bind(text(clue))
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
        self.read(async |db: &mut PgConnection| {
            sql(statement)
                .bind(text(clue))
                .bind(texts(uuids.iter().map(String::as_str)))
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
            "SELECT id, NULL::text AS state, call_uuid AS channel, convert_to(variables, 'UTF8') AS text
             FROM response WHERE strpos(variables, $1) > 0
                OR call_uuid = ANY($2)",
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
                    convert_to(coalesce(url, '') || ' ' || headers || ' ', 'UTF8') || body AS text
             FROM document WHERE strpos(coalesce(url, '') || ' ' || headers, $1) > 0
                OR position(convert_to($1, 'UTF8') in body) > 0
                OR call_uuid = ANY($2)",
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
            "SELECT id, NULL::text AS state, call_uuid AS channel, convert_to(json, 'UTF8') AS text
             FROM unpublished WHERE strpos(json, $1) > 0 OR call_uuid = ANY($2)",
            clue,
            uuids,
        )
        .await
    }
}
