//! What outlasts a call so that it stays over, and a switch so that its calls are known.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::Sqlite;
use crate::StoreError;
use crate::model::{FinishedCallRecord, FinishedChannel};
use crate::ops::{PutCdrRead, PutSwitch, Write};

/// Channels of finished calls are remembered for an hour …
const KEPT_MS: i64 = 3_600_000;
/// … and the newest of them only.
const KEPT: i64 = 200_000;
/// Rows between two looks at what is too old.
const TIDY_EVERY: i64 = 64;

/// Notes the call's channels, in the transaction that ends it.
pub(super) async fn finish(
    db: &mut SqliteConnection,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for channel in &call.channels {
        let row = sqlx::query(
            "INSERT INTO finished_channel (switch, uuid, created_us, ended_ms) VALUES (?, ?, ?, ?)",
        )
        .bind(&call.switch)
        .bind(&channel.uuid)
        .bind(channel.created_us)
        .bind(now_ms)
        .execute(&mut *db)
        .await?
        .last_insert_rowid();
        if row % TIDY_EVERY == 0 {
            tidy(db, row, now_ms).await?;
        }
    }
    Ok(())
}

async fn tidy(db: &mut SqliteConnection, newest: i64, now_ms: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM finished_channel WHERE ended_ms < ? OR id <= ?")
        .bind(now_ms - KEPT_MS)
        .bind(newest - KEPT)
        .execute(db)
        .await?;
    Ok(())
}

impl Write<SqliteConnection> for PutSwitch {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO switch (address, name) VALUES (?, ?)
             ON CONFLICT (address) DO UPDATE SET name = excluded.name",
        )
        .bind(&self.address)
        .bind(&self.name)
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Write<SqliteConnection> for PutCdrRead {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO cdr_read (switch, until_us) VALUES (?, ?)
             ON CONFLICT (switch) DO UPDATE SET until_us = max(until_us, excluded.until_us)",
        )
        .bind(&self.switch)
        .bind(self.until_us)
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Sqlite {
    /// How far the CDR files of a switch were read.
    pub(crate) async fn cdr_read(&self, switch: &str) -> Result<Option<i64>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query_scalar("SELECT until_us FROM cdr_read WHERE switch = ?")
                .bind(switch)
                .fetch_optional(db)
                .await
        })
        .await
    }

    /// Channels of finished calls, the oldest first.
    pub(crate) async fn finished_channels(
        &self,
        switch: &str,
    ) -> Result<Vec<FinishedChannel>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(
                "SELECT uuid, created_us FROM finished_channel WHERE switch = ? ORDER BY id",
            )
            .bind(switch)
            .try_map(channel)
            .fetch_all(db)
            .await
        })
        .await
    }

    /// The name of the switch at an address.
    pub(crate) async fn switch_at(&self, address: &str) -> Result<Option<String>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query_scalar("SELECT name FROM switch WHERE address = ?")
                .bind(address)
                .fetch_optional(db)
                .await
        })
        .await
    }
}

fn channel(row: SqliteRow) -> Result<FinishedChannel, sqlx::Error> {
    Ok(FinishedChannel {
        uuid: row.try_get("uuid")?,
        created_us: row.try_get("created_us")?,
    })
}
