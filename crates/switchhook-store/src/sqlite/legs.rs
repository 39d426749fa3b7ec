//! Legs and finished channels, one statement for each: a statement costs no round trip here.

use sqlx::sqlite::SqliteConnection;

use crate::model::{FinishedCallRecord, StoredLeg};
use crate::operation::Write;
use crate::sql::calls::{Elsewhere, FinishSteps};
use crate::sql::legs::{PutLeg, RemoveLegs};
use crate::sql::switches::{CHANNEL_AGE_MS, CHANNELS_KEPT, PRUNE_CHANNELS_EVERY};
use crate::sql::{SqlConnection as _, values};

impl Write<SqliteConnection> for PutLeg {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        put_leg(db, &self.0).await
    }
}

/// Inserts or updates a leg.
pub(super) async fn put_leg(db: &mut SqliteConnection, leg: &StoredLeg) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO leg (switch, leg_uuid, call_id, json) VALUES ($1, $2, $3, $4)
         ON CONFLICT (switch, leg_uuid)
         DO UPDATE SET call_id = excluded.call_id, json = excluded.json";
    let values = values![&leg.switch, &leg.leg_uuid, &leg.call_id, &leg.json];
    db.run(sql, values).await.map(drop)
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
    let sql = "DELETE FROM leg WHERE switch = $1 AND leg_uuid = $2";
    for leg in legs {
        db.run(sql, values![switch, leg]).await?;
    }
    Ok(())
}

impl FinishSteps for SqliteConnection {
    async fn remove_legs_of(&mut self, call: &FinishedCallRecord) -> Result<(), sqlx::Error> {
        remove_legs(self, &call.switch, &call.legs).await?;
        let sql = "UPDATE response SET call_uuid = $1 WHERE channel_uuid = $2 AND call_uuid <> $1";
        for leg in &call.legs {
            self.run(sql, values![&call.call_uuid, leg]).await?;
        }
        Ok(())
    }

    /// No other instance has the file.
    async fn remember_channels(
        &mut self,
        call: &FinishedCallRecord,
        now_ms: i64,
    ) -> Result<Elsewhere, sqlx::Error> {
        // No other instance shares a file.
        for channel in &call.channels {
            let row = sqlx::query(
                "INSERT INTO finished_channel (switch, uuid, created_us, ended_ms)
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(&call.switch)
            .bind(&channel.uuid)
            .bind(channel.created_us)
            .bind(now_ms)
            .execute(&mut *self)
            .await?
            .last_insert_rowid();
            if row % PRUNE_CHANNELS_EVERY == 0 {
                prune_channels(self, row, now_ms).await?;
            }
        }
        Ok(Elsewhere::Nothing)
    }
}

/// Forgets channels that are too old, or too many before the row `newest`.
async fn prune_channels(
    db: &mut SqliteConnection,
    newest: i64,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM finished_channel WHERE ended_ms < $1 OR id <= $2";
    let values = values![now_ms - CHANNEL_AGE_MS, newest - CHANNELS_KEPT];
    db.run(sql, values).await.map(drop)
}
