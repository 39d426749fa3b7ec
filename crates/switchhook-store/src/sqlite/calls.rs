//! Legs of calls that are not over, and what is written when one is.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::claims::insert;
use super::{Sqlite, channels, unpublished};
use crate::model::{CallSummary, FinishedCallRecord, StoredLeg};
use crate::ops::{Finish, KeepResponse, PutLeg, RemoveLegs, Write};
use crate::{StoreError, new_id};

impl Write<SqliteConnection> for PutLeg {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        put_leg(db, &self.0).await
    }
}

pub(super) async fn put_leg(db: &mut SqliteConnection, leg: &StoredLeg) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO leg (switch, leg_uuid, call_id, json) VALUES (?, ?, ?, ?)
         ON CONFLICT (switch, leg_uuid) DO UPDATE SET call_id = excluded.call_id, json = excluded.json",
    )
    .bind(&leg.switch)
    .bind(&leg.leg_uuid)
    .bind(&leg.call_id)
    .bind(&leg.json)
    .execute(db)
    .await?;
    Ok(())
}

impl Write<SqliteConnection> for RemoveLegs {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        remove_legs(db, &self.switch, &self.legs).await
    }
}

async fn remove_legs(
    db: &mut SqliteConnection,
    switch: &str,
    legs: &[String],
) -> Result<(), sqlx::Error> {
    for leg in legs {
        sqlx::query("DELETE FROM leg WHERE switch = ? AND leg_uuid = ?")
            .bind(switch)
            .bind(leg)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

impl Write<SqliteConnection> for Finish {
    async fn apply(
        &self,
        db: &mut SqliteConnection,
        now_ms: i64,
    ) -> Result<Vec<bool>, sqlx::Error> {
        let call = &self.0;
        remove_legs(db, &call.switch, &call.legs).await?;
        if let Some(summary) = &call.summary {
            insert_summary(db, call, summary).await?;
        }
        adopt_responses(db, call).await?;
        channels::finish(db, call, now_ms).await?;
        let mut new = Vec::with_capacity(call.documents.len());
        for document in &call.documents {
            let of = (call.switch.as_str(), call.created_us);
            new.push(insert(db, of, (&new_id(), document), now_ms).await?);
        }
        unpublished::insert(db, call, now_ms).await?;
        Ok(new)
    }
}

async fn insert_summary(
    db: &mut SqliteConnection,
    call: &FinishedCallRecord,
    summary: &CallSummary,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
                           talk_ms, caller, called, legs, hangup_cause, incomplete, story,
                           account)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&call.switch)
    .bind(&call.call_uuid)
    .bind(call.created_us)
    .bind(&summary.flow)
    .bind(summary.started_ms)
    .bind(summary.answered_ms)
    .bind(summary.ended_ms)
    .bind(summary.talk_ms)
    .bind(&summary.caller)
    .bind(&summary.called)
    .bind(summary.legs)
    .bind(&summary.hangup_cause)
    .bind(summary.incomplete)
    .bind(&call.story)
    .bind(&summary.account)
    .execute(db)
    .await?;
    Ok(())
}

/// A widget may have run on a leg that is not the call's first.
async fn adopt_responses(
    db: &mut SqliteConnection,
    call: &FinishedCallRecord,
) -> Result<(), sqlx::Error> {
    for leg in &call.legs {
        sqlx::query("UPDATE response SET call_uuid = ? WHERE channel_uuid = ? AND call_uuid <> ?")
            .bind(&call.call_uuid)
            .bind(leg)
            .bind(&call.call_uuid)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

impl Write<SqliteConnection> for KeepResponse {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        let response = &self.0;
        let variables = serde_json::to_string(&response.variables)
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(
            "INSERT INTO response (channel_uuid, call_uuid, flow, webhook, at_ms, variables)
             VALUES (?1, ?1, ?2, ?3, ?4, ?5)",
        )
        .bind(&response.call_uuid)
        .bind(&response.flow)
        .bind(&response.webhook)
        .bind(response.at_ms)
        .bind(variables)
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Sqlite {
    /// Every leg of every call that is not over.
    pub(crate) async fn load_legs(&self) -> Result<Vec<StoredLeg>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query("SELECT switch, call_id, leg_uuid, json FROM leg ORDER BY switch, call_id")
                .try_map(stored_leg)
                .fetch_all(db)
                .await
        })
        .await
    }
}

fn stored_leg(row: SqliteRow) -> Result<StoredLeg, sqlx::Error> {
    Ok(StoredLeg {
        switch: row.try_get("switch")?,
        call_id: row.try_get("call_id")?,
        leg_uuid: row.try_get("leg_uuid")?,
        created_us: None,
        known: 0,
        json: row.try_get("json")?,
    })
}
