//! Calls that are over and wait for their recordings: claimed with a lease, then exchanged for
//! their documents.

use sqlx::sqlite::SqliteConnection;
use sqlx::{FromRow as _, Row as _};

use super::{Sqlite, claims};
use crate::clock::millis;
use crate::model::FinishedCallRecord;
use crate::ops::{ClaimUnpublished, Postpone, Publish, Write};
use crate::unpublished::Row;
use crate::{StoreError, new_id};

/// Inserts what waits of a call; not of one whose documents are made already.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let Some(unpublished) = &call.unpublished else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO unpublished (switch, call_uuid, created_us, inserted_ms, until_ms, due_ms, json)
         SELECT ?1, ?2, ?3, ?4, ?4 + ?5, ?4, ?6
         WHERE NOT EXISTS (SELECT 1 FROM document WHERE kind = 'document' AND switch = ?1
                           AND call_uuid = ?2 AND created_us = ?3)
         ON CONFLICT DO NOTHING",
    )
    .bind(&call.switch)
    .bind(&call.call_uuid)
    .bind(call.created_us)
    .bind(now_ms)
    .bind(millis(unpublished.wait))
    .bind(&unpublished.json)
    .execute(db)
    .await?;
    Ok(())
}

impl Write<SqliteConnection> for ClaimUnpublished {
    async fn apply(
        &self,
        db: &mut SqliteConnection,
        now_ms: i64,
    ) -> Result<Self::Output, sqlx::Error> {
        sqlx::query(
            "UPDATE unpublished SET lease = ?1, due_ms = ?2 + ?3
             WHERE id IN (SELECT id FROM unpublished WHERE due_ms <= ?2 ORDER BY due_ms LIMIT ?4)
             RETURNING id, switch, call_uuid, created_us, inserted_ms, until_ms, json",
        )
        .bind(&self.token)
        .bind(now_ms)
        .bind(millis(self.lease))
        .bind(self.limit)
        .try_map(|row| Row::from_row(&row).map(|row| row.leased(&self.token, now_ms)))
        .fetch_all(db)
        .await
    }
}

impl Write<SqliteConnection> for Postpone {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let postponed =
            sqlx::query("UPDATE unpublished SET due_ms = ? + ? WHERE id = ? AND lease = ?")
                .bind(now_ms)
                .bind(millis(self.by))
                .bind(self.id)
                .bind(&self.token)
                .execute(db)
                .await?;
        Ok(postponed.rows_affected() == 1)
    }
}

impl Write<SqliteConnection> for Publish {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let Self { call, published } = self;
        let taken = sqlx::query("DELETE FROM unpublished WHERE id = ? AND lease = ?")
            .bind(call.id)
            .bind(&call.token)
            .execute(&mut *db)
            .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        let of = (call.switch.as_str(), call.created_us);
        for document in &published.documents {
            claims::insert(db, of, (&new_id(), document), now_ms).await?;
        }
        if let Some(story) = &published.incomplete {
            sqlx::query(
                "UPDATE call SET incomplete = 1, story = ?
                 WHERE switch = ? AND call_uuid = ? AND created_us = ?",
            )
            .bind(story)
            .bind(&call.switch)
            .bind(&call.call_uuid)
            .bind(call.created_us)
            .execute(db)
            .await?;
        }
        Ok(true)
    }
}

impl Sqlite {
    /// How many calls wait; of all, or of those with these Unique-IDs.
    pub(crate) async fn unpublished(
        &self,
        uuids: Option<&[&str]>,
    ) -> Result<(u64, Option<i64>), StoreError> {
        let uuids = uuids.map(|uuids| serde_json::json!(uuids).to_string());
        self.read(async |db: &mut SqliteConnection| {
            let row = sqlx::query(
                "SELECT count(*) AS calls, min(until_ms) AS until_ms FROM unpublished
                 WHERE ?1 IS NULL OR call_uuid IN (SELECT value FROM json_each(?1))",
            )
            .bind(uuids)
            .fetch_one(db)
            .await?;
            Ok((row.try_get("calls")?, row.try_get("until_ms")?))
        })
        .await
    }
}
