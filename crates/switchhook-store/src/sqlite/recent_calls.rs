//! Calls that are over as the operator's page tells them, the newest first.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::Sqlite;
use super::operator::{document_row, rows};
use super::report::{reported, response};
use crate::StoreError;
use crate::model::{CallSearch, DocumentRow, KeptResponse, Parties, RecentCall};
use crate::ops::{ANSWERS_TOLD, DOCUMENTS_TOLD, LOOKED_THROUGH, pattern};

impl Sqlite {
    /// Calls that fit, the newest first.
    pub(crate) async fn calls(&self, search: &CallSearch) -> Result<Vec<RecentCall>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(
                "SELECT * FROM call
                 WHERE id > (SELECT coalesce(max(id), 0) FROM call) - ?1 AND (?2 IS NULL OR id < ?2)
                   AND (?3 IS NULL OR call_uuid = ?3)
                   AND (?4 IS NULL OR caller LIKE ?4 ESCAPE '\\' OR called LIKE ?4 ESCAPE '\\'
                        OR call_uuid LIKE ?4 ESCAPE '\\' OR account LIKE ?4 ESCAPE '\\'
                        OR story LIKE ?4 ESCAPE '\\'
                        OR caller LIKE ?7 OR called LIKE ?7 OR story LIKE ?7)
                   AND (NOT ?5 OR story LIKE '%\"ending\":\"line_1\"%')
                 ORDER BY id DESC LIMIT ?6",
            )
            .bind(LOOKED_THROUGH)
            .bind(search.before)
            .bind(&search.call_uuid)
            .bind(search.text.as_deref().map(pattern))
            .bind(search.line_1)
            .bind(search.limit)
            .bind(search.digits.as_deref().map(pattern))
            .try_map(|row| told(&row))
            .fetch_all(db)
            .await
        })
        .await
    }

    /// Documents and requests of these channels, in the order in which they were frozen.
    pub(crate) async fn documents_of(
        &self,
        uuids: &[&str],
    ) -> Result<Vec<DocumentRow>, StoreError> {
        let uuids = serde_json::json!(uuids).to_string();
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(concat!(
                rows!(),
                "WHERE call_uuid IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?"
            ))
            .bind(uuids)
            .bind(DOCUMENTS_TOLD)
            .try_map(|row| document_row(&row))
            .fetch_all(db)
            .await
        })
        .await
    }

    /// Who called whom in these calls.
    pub(crate) async fn parties(&self, uuids: &[&str]) -> Result<Vec<Parties>, StoreError> {
        let uuids = serde_json::json!(uuids).to_string();
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(
                "SELECT call_uuid, caller, called FROM call
                 WHERE call_uuid IN (SELECT value FROM json_each(?))",
            )
            .bind(uuids)
            .try_map(|row: SqliteRow| {
                Ok(Parties {
                    call_uuid: row.try_get("call_uuid")?,
                    caller: row.try_get("caller")?,
                    called: row.try_get("called")?,
                })
            })
            .fetch_all(db)
            .await
        })
        .await
    }

    /// What the widgets on these channels kept, in order of time.
    pub(crate) async fn answers_of(&self, uuids: &[&str]) -> Result<Vec<KeptResponse>, StoreError> {
        let uuids = serde_json::json!(uuids).to_string();
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(
                "SELECT call_uuid, flow, webhook, at_ms, variables FROM response
                 WHERE channel_uuid IN (SELECT value FROM json_each(?)) ORDER BY at_ms, id LIMIT ?",
            )
            .bind(uuids)
            .bind(ANSWERS_TOLD)
            .try_map(|row| response(&row))
            .fetch_all(db)
            .await
        })
        .await
    }
}

fn told(row: &SqliteRow) -> Result<RecentCall, sqlx::Error> {
    let call = reported(row)?;
    let (switch, summary) = call
        .finished
        .ok_or_else(|| sqlx::Error::Decode("a call without its summary".into()))?;
    Ok(RecentCall {
        id: row.try_get("id")?,
        switch,
        call_uuid: call.call_uuid,
        summary,
        story: row.try_get("story")?,
    })
}
