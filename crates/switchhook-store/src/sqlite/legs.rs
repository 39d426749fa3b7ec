//! Legs of calls in progress.

use sqlx::sqlite::SqliteConnection;

use super::rows::ManyRows;
use crate::model::StoredLeg;
use crate::operation::Write;
use crate::sql::legs::{PutLeg, RemoveLegs};
use crate::sql::switches::{CHANNEL_AGE_MS, CHANNELS_KEPT};
use crate::sql::{SqlConnection as _, values};

const PUT_LEGS: ManyRows = ManyRows {
    head: "INSERT INTO leg (switch, leg_uuid, call_id, json) VALUES ",
    row: "($1, $2, $3, $4)",
    tail: " ON CONFLICT (switch, leg_uuid)
           DO UPDATE SET call_id = excluded.call_id, json = excluded.json",
};

const REMOVE_LEGS: ManyRows = ManyRows {
    head: "DELETE FROM leg WHERE switch = $1 AND leg_uuid IN (",
    row: "$1",
    tail: ")",
};

impl Write<SqliteConnection> for PutLeg {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        put_legs(db, &[&self.0]).await
    }
}

/// Inserts or updates legs in this order; one may be there twice.
pub(super) async fn put_legs(
    db: &mut SqliteConnection,
    legs: &[&StoredLeg],
) -> Result<(), sqlx::Error> {
    let rows = legs.iter();
    let rows =
        rows.map(|leg| values![&leg.switch, &leg.leg_uuid, &leg.call_id, &leg.json].to_vec());
    PUT_LEGS.run(db, &[], &rows.collect::<Vec<_>>()).await
}

impl Write<SqliteConnection> for RemoveLegs {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        let legs: Vec<_> = self.legs.iter().map(String::as_str).collect();
        remove_legs(db, &self.switch, &legs).await
    }
}

/// Removes legs of a switch.
pub(super) async fn remove_legs(
    db: &mut SqliteConnection,
    switch: &str,
    legs: &[&str],
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = legs.iter().map(|leg| values![*leg].to_vec()).collect();
    REMOVE_LEGS.run(db, values![switch], &rows).await
}

/// Forgets channels that are too old, or too many before the row `newest`.
pub(super) async fn prune_channels(
    db: &mut SqliteConnection,
    newest: i64,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM finished_channel WHERE ended_ms < $1 OR id <= $2";
    let values = values![now_ms - CHANNEL_AGE_MS, newest - CHANNELS_KEPT];
    db.run(sql, values).await.map(drop)
}
