//! Legs of calls that are not over, and what is written when one is.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use super::channels;
use super::claims::insert;
use super::sql::{sql, text, texts};
use super::unpublished;
use crate::model::{CallSummary, FinishedCallRecord, StoredLeg};
use crate::ops::{Finish, KeepResponse, PutLeg, RemoveLegs, Write};
use crate::{StoreError, new_id};

impl Write<PgConnection> for PutLeg {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        put_legs(db, &[&self.0]).await
    }
}

/// Stores them in this order, in one statement where it can: its way to the server and back
/// costs more than a row.
pub(super) async fn put_legs(
    db: &mut PgConnection,
    legs: &[&StoredLeg],
) -> Result<(), sqlx::Error> {
    let mut last: BTreeMap<(&str, &str), &StoredLeg> = BTreeMap::new();
    for &leg in legs {
        let channel = (leg.switch.as_str(), leg.leg_uuid.as_str());
        match last.get(&channel).copied() {
            Some(before) if before.created_us != leg.created_us => {
                // Another channel with the same name takes the place of the one before it.
                put_channels(db, &std::mem::take(&mut last)).await?;
                last.insert(channel, leg);
            }
            Some(before) if before.known > leg.known => {}
            Some(_) | None => drop(last.insert(channel, leg)),
        }
    }
    put_channels(db, &last).await
}

/// Not of a call that another instance has finished meanwhile, and not over what another knows
/// better.
async fn put_channels(
    db: &mut PgConnection,
    of: &BTreeMap<(&str, &str), &StoredLeg>,
) -> Result<(), sqlx::Error> {
    if of.is_empty() {
        return Ok(());
    }
    let legs: Vec<&StoredLeg> = of.values().copied().collect();
    let of = |field: fn(&StoredLeg) -> &str| texts(legs.iter().map(|leg| field(leg)));
    sql(
        "INSERT INTO leg (switch, leg_uuid, call_id, json, created_us, known)
         SELECT t.switch, t.leg_uuid, t.call_id, t.json, t.created_us, t.known
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
              AS t(switch, leg_uuid, call_id, json, created_us, known)
         WHERE NOT EXISTS (SELECT 1 FROM finished_channel AS f
                           WHERE f.switch = t.switch AND f.uuid = t.leg_uuid
                             AND coalesce(f.created_us, -1) = coalesce(t.created_us, -1))
         ON CONFLICT (switch, leg_uuid)
         DO UPDATE SET call_id = excluded.call_id, json = excluded.json,
                       created_us = excluded.created_us, known = excluded.known
         WHERE leg.known <= excluded.known
            OR leg.created_us IS DISTINCT FROM excluded.created_us",
    )
    .bind(of(|leg| &leg.switch))
    .bind(of(|leg| &leg.leg_uuid))
    .bind(of(|leg| &leg.call_id))
    .bind(of(|leg| &leg.json))
    .bind(legs.iter().map(|leg| leg.created_us).collect::<Vec<_>>())
    .bind(legs.iter().map(|leg| leg.known).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

impl Write<PgConnection> for RemoveLegs {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        sql("DELETE FROM leg WHERE switch = $1 AND leg_uuid = ANY($2)")
            .bind(text(&self.switch))
            .bind(texts(self.legs.iter().map(String::as_str)))
            .execute(db)
            .await?;
        Ok(())
    }
}

impl Write<PgConnection> for Finish {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<Vec<bool>, sqlx::Error> {
        let call = &self.0;
        take_legs(db, call).await?;
        let new_channels = channels::finish(db, call, now_ms).await?;
        if new_channels == 0 && !call.channels.is_empty() {
            // Another instance was first, perhaps with more legs than we saw of the call, and
            // so under another id.
            return Ok(vec![false; call.documents.len()]);
        }
        if let Some(summary) = &call.summary {
            insert_summary(db, call, summary).await?;
        }
        let mut new = Vec::with_capacity(call.documents.len());
        for document in &call.documents {
            let of = (call.switch.as_str(), call.created_us);
            new.push(insert(db, of, (&new_id(), document), now_ms).await?);
        }
        unpublished::insert(db, call, now_ms).await?;
        Ok(new)
    }
}

/// The legs go, and what widgets kept of them becomes the call's: one may have run on a
/// leg that is not the call's first.
async fn take_legs(db: &mut PgConnection, call: &FinishedCallRecord) -> Result<(), sqlx::Error> {
    sql(
        "WITH gone AS (DELETE FROM leg WHERE switch = $1 AND leg_uuid = ANY($2))
         UPDATE response SET call_uuid = $3 WHERE channel_uuid = ANY($2) AND call_uuid <> $3",
    )
    .bind(text(&call.switch))
    .bind(texts(call.legs.iter().map(String::as_str)))
    .bind(text(&call.call_uuid))
    .execute(db)
    .await?;
    Ok(())
}

async fn insert_summary(
    db: &mut PgConnection,
    call: &FinishedCallRecord,
    summary: &CallSummary,
) -> Result<(), sqlx::Error> {
    sql(
        "INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
                           talk_ms, caller, called, legs, hangup_cause, incomplete, story,
                           account)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING",
    )
    .bind(text(&call.switch))
    .bind(text(&call.call_uuid))
    .bind(call.created_us)
    .bind(text(&summary.flow))
    .bind(summary.started_ms)
    .bind(summary.answered_ms)
    .bind(summary.ended_ms)
    .bind(summary.talk_ms)
    .bind(text(&summary.caller))
    .bind(text(&summary.called))
    .bind(i64::from(summary.legs))
    .bind(text(&summary.hangup_cause))
    .bind(summary.incomplete)
    .bind(text(&call.story))
    .bind(text(&summary.account))
    .execute(db)
    .await?;
    Ok(())
}

impl Write<PgConnection> for KeepResponse {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        let response = &self.0;
        let variables = serde_json::to_string(&response.variables)
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        sql(
            "INSERT INTO response (channel_uuid, call_uuid, flow, webhook, at_ms, names, variables)
             VALUES ($1, $1, $2, $3, $4, $5, $6)",
        )
        .bind(text(&response.call_uuid))
        .bind(text(&response.flow))
        .bind(text(&response.webhook))
        .bind(response.at_ms)
        .bind(texts(response.variables.keys().map(String::as_str)))
        .bind(variables)
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Postgres {
    /// Every leg of every call that is not over.
    pub(crate) async fn load_legs(&self) -> Result<Vec<StoredLeg>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql("SELECT switch, call_id, leg_uuid, created_us, known, json FROM leg ORDER BY switch, call_id, leg_uuid")
                .try_map(stored_leg)
                .fetch_all(db)
                .await
        })
        .await
    }
}

fn stored_leg(row: PgRow) -> Result<StoredLeg, sqlx::Error> {
    Ok(StoredLeg {
        switch: row.try_get("switch")?,
        call_id: row.try_get("call_id")?,
        leg_uuid: row.try_get("leg_uuid")?,
        created_us: row.try_get("created_us")?,
        known: row.try_get("known")?,
        json: row.try_get("json")?,
    })
}
