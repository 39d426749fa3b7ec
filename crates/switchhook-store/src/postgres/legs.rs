//! Legs, many in one statement: the round trip to the server costs more than a row.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use super::connection::{text, texts, unnamed};
use crate::model::{FinishedCallRecord, StoredLeg};
use crate::operation::Write;
use crate::sql::legs::{PutLeg, RemoveLegs};
use crate::sql::switches::{CHANNEL_AGE_MS, CHANNELS_KEPT};
use crate::sql::{SqlConnection as _, values};

impl Write<PgConnection> for PutLeg {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        put_legs(db, &[&self.0]).await
    }
}

/// Inserts or updates legs in this order, in one statement where that is possible.
pub(super) async fn put_legs(
    db: &mut PgConnection,
    legs: &[&StoredLeg],
) -> Result<(), sqlx::Error> {
    let mut latest: BTreeMap<(&str, &str), &StoredLeg> = BTreeMap::new();
    for &leg in legs {
        let channel = (leg.switch.as_str(), leg.leg_uuid.as_str());
        match latest.get(&channel).copied() {
            Some(before) if before.created_us != leg.created_us => {
                // Another channel with the same Unique-ID replaces the one before it.
                put_channels(db, &std::mem::take(&mut latest)).await?;
                latest.insert(channel, leg);
            }
            Some(before) if before.known > leg.known => {}
            Some(_) | None => drop(latest.insert(channel, leg)),
        }
    }
    put_channels(db, &latest).await
}

/// Stores legs, one for each channel. A leg is not stored when another instance has finished its
/// call, and does not replace one of which another instance knows more.
macro_rules! put_legs {
    ($legs:literal) => {
        concat!(
            "INSERT INTO leg (switch, leg_uuid, call_id, json, created_us, known)
             SELECT t.switch, t.leg_uuid, t.call_id, t.json, t.created_us, t.known
             FROM ",
            $legs,
            " AS t(switch, leg_uuid, call_id, json, created_us, known)
             WHERE NOT EXISTS (SELECT 1 FROM finished_channel AS f
                               WHERE f.switch = t.switch AND f.uuid = t.leg_uuid
                                 AND coalesce(f.created_us, -1) = coalesce(t.created_us, -1))
             ON CONFLICT (switch, leg_uuid)
             DO UPDATE SET call_id = excluded.call_id, json = excluded.json,
                           created_us = excluded.created_us, known = excluded.known
             WHERE leg.known <= excluded.known
                OR leg.created_us IS DISTINCT FROM excluded.created_us"
        )
    };
}

/// A single row goes by itself: each array that is unnested costs the server more than the row.
const PUT_ONE: &str = put_legs!("(VALUES ($1, $2, $3, $4, $5, $6))");

const PUT_MANY: &str =
    put_legs!("unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])");

/// Stores one leg for each channel.
async fn put_channels(
    db: &mut PgConnection,
    legs: &BTreeMap<(&str, &str), &StoredLeg>,
) -> Result<(), sqlx::Error> {
    let legs: Vec<&StoredLeg> = legs.values().copied().collect();
    let column = |field: fn(&StoredLeg) -> &str| texts(legs.iter().map(|leg| field(leg)));
    let query = match legs[..] {
        [] => return Ok(()),
        [leg] => unnamed(PUT_ONE)
            .bind(text(&leg.switch))
            .bind(text(&leg.leg_uuid))
            .bind(text(&leg.call_id))
            .bind(text(&leg.json))
            .bind(leg.created_us)
            .bind(leg.known),
        [..] => unnamed(PUT_MANY)
            .bind(column(|leg| &leg.switch))
            .bind(column(|leg| &leg.leg_uuid))
            .bind(column(|leg| &leg.call_id))
            .bind(column(|leg| &leg.json))
            .bind(legs.iter().map(|leg| leg.created_us).collect::<Vec<_>>())
            .bind(legs.iter().map(|leg| leg.known).collect::<Vec<_>>()),
    };
    query.execute(db).await.map(drop)
}

/// Removes a call's legs and gives their persisted responses to the call.
pub(super) async fn remove_legs_of_one(
    db: &mut PgConnection,
    call: &FinishedCallRecord,
) -> Result<(), sqlx::Error> {
    if call.legs.is_empty() {
        return Ok(());
    }
    let sql = "WITH gone AS (DELETE FROM leg WHERE switch = $1 AND leg_uuid = ANY($2))
         UPDATE response SET call_uuid = $3
         WHERE channel_uuid = ANY($2) AND call_uuid <> $3";
    let values = values![&call.switch, &call.legs[..], &call.call_uuid];
    db.run(sql, values).await.map(drop)
}

impl Write<PgConnection> for RemoveLegs {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        let sql = "DELETE FROM leg WHERE switch = $1 AND leg_uuid = ANY($2)";
        db.run(sql, values![&self.switch, &self.legs[..]])
            .await
            .map(drop)
    }
}

/// Forgets channels that are too old, or too many before the row `newest`.
pub(super) async fn prune_channels(
    db: &mut PgConnection,
    newest: i64,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM finished_channel WHERE id IN
            (SELECT id FROM finished_channel WHERE ended_ms < $1 OR id <= $2
             ORDER BY id FOR UPDATE SKIP LOCKED)";
    let values = values![now_ms - CHANNEL_AGE_MS, newest - CHANNELS_KEPT];
    db.run(sql, values).await.map(drop)
}
