//! Calls that are over and wait for their recordings: claimed with a lease, then exchanged for
//! their documents.

use sqlx::postgres::PgConnection;
use sqlx::{FromRow as _, Row as _};

use super::sql::{sql, text, texts};
use super::{Postgres, claims};
use crate::clock::millis;
use crate::model::FinishedCallRecord;
use crate::ops::{ClaimUnpublished, Postpone, Publish, Write};
use crate::unpublished::Row;
use crate::{StoreError, new_id};

/// Inserts what waits of a call; not of one whose documents are made already.
pub(super) async fn insert(
    db: &mut PgConnection,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let Some(unpublished) = &call.unpublished else {
        return Ok(());
    };
    sql(
        "INSERT INTO unpublished (switch, call_uuid, created_us, inserted_ms, until_ms, due_ms, json)
         SELECT $1, $2, $3, $4, $4 + $5, $4, $6
         WHERE NOT EXISTS (SELECT 1 FROM document WHERE kind = 'document' AND switch = $1
                           AND call_uuid = $2 AND created_us = $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(text(&call.switch))
    .bind(text(&call.call_uuid))
    .bind(call.created_us)
    .bind(now_ms)
    .bind(millis(unpublished.wait))
    .bind(text(&unpublished.json))
    .execute(db)
    .await?;
    Ok(())
}

impl Write<PgConnection> for ClaimUnpublished {
    /// What another instance is claiming just now is passed over.
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<Self::Output, sqlx::Error> {
        sql(
            "WITH due AS (SELECT id AS due_id FROM unpublished WHERE due_ms <= $2
                          ORDER BY due_ms LIMIT $4 FOR UPDATE SKIP LOCKED)
             UPDATE unpublished SET lease = $1, due_ms = $2 + $3 FROM due WHERE id = due_id
             RETURNING id, switch, call_uuid, created_us, inserted_ms, until_ms, json",
        )
        .bind(&self.token)
        .bind(now_ms)
        .bind(millis(self.lease))
        .bind(i64::from(self.limit))
        .try_map(|row| Row::from_row(&row).map(|row| row.leased(&self.token, now_ms)))
        .fetch_all(db)
        .await
    }
}

impl Write<PgConnection> for Postpone {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let postponed = sql("UPDATE unpublished SET due_ms = $1 + $2 WHERE id = $3 AND lease = $4")
            .bind(now_ms)
            .bind(millis(self.by))
            .bind(self.id)
            .bind(&self.token)
            .execute(db)
            .await?;
        Ok(postponed.rows_affected() == 1)
    }
}

impl Write<PgConnection> for Publish {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let Self { call, published } = self;
        let taken = sql("DELETE FROM unpublished WHERE id = $1 AND lease = $2")
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
            sql("UPDATE call SET incomplete = true, story = $1
                 WHERE switch = $2 AND call_uuid = $3 AND created_us = $4")
            .bind(text(story))
            .bind(text(&call.switch))
            .bind(text(&call.call_uuid))
            .bind(call.created_us)
            .execute(db)
            .await?;
        }
        Ok(true)
    }
}

impl Postgres {
    /// How many calls wait; of all, or of those with these Unique-IDs.
    pub(crate) async fn unpublished(
        &self,
        uuids: Option<&[&str]>,
    ) -> Result<(u64, Option<i64>), StoreError> {
        let uuids = uuids.map(|uuids| texts(uuids.iter().copied()));
        self.read(async |db: &mut PgConnection| {
            let row = sql(
                "SELECT count(*) AS calls, min(until_ms) AS until_ms FROM unpublished
                 WHERE $1::text[] IS NULL OR call_uuid = ANY($1)",
            )
            .bind(uuids)
            .fetch_one(db)
            .await?;
            Ok((claims::count(&row, "calls")?, row.try_get("until_ms")?))
        })
        .await
    }
}
