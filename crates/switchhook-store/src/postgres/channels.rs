//! What outlasts a call so that it stays over, and a switch so that its calls are known.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use super::sql::{scalar, sql, text, texts};
use crate::StoreError;
use crate::model::{Ended, FinishedCallRecord, FinishedChannel};
use crate::ops::{PutCdrRead, PutSwitch, Write};

/// Channels of finished calls are remembered for an hour …
const KEPT_MS: i64 = 3_600_000;
/// … and the newest of them only.
const KEPT: i64 = 200_000;
/// Rows of one look at what was finished.
const PAGE: i64 = 50_000;
/// Rows between two looks at what is too old.
const TIDY_EVERY: i64 = 64;

/// Notes the call's channels, in the transaction that ends it; how many are new.
pub(super) async fn finish(
    db: &mut PgConnection,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<usize, sqlx::Error> {
    let created: Vec<Option<i64>> = call.channels.iter().map(|one| one.created_us).collect();
    let rows: Vec<i64> = sql(
        "INSERT INTO finished_channel (switch, uuid, created_us, ended_ms)
         SELECT $1, t.uuid, t.created_us, $4 FROM unnest($2::text[], $3::bigint[]) AS t(uuid, created_us)
         WHERE NOT EXISTS (SELECT 1 FROM finished_channel AS f WHERE f.switch = $1 AND f.uuid = t.uuid
                           AND coalesce(f.created_us, -1) = coalesce(t.created_us, -1))
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(text(&call.switch))
    .bind(texts(call.channels.iter().map(|one| one.uuid.as_str())))
    .bind(created)
    .bind(now_ms)
    .try_map(|row: PgRow| row.try_get("id"))
    .fetch_all(&mut *db)
    .await?;
    if let Some(newest) = rows.iter().find(|row| *row % TIDY_EVERY == 0) {
        tidy(db, *newest, now_ms).await?;
    }
    Ok(rows.len())
}

async fn tidy(db: &mut PgConnection, newest: i64, now_ms: i64) -> Result<(), sqlx::Error> {
    sql("DELETE FROM finished_channel WHERE id IN
            (SELECT id FROM finished_channel WHERE ended_ms < $1 OR id <= $2
             ORDER BY id FOR UPDATE SKIP LOCKED)")
    .bind(now_ms - KEPT_MS)
    .bind(newest - KEPT)
    .execute(db)
    .await?;
    Ok(())
}

impl Write<PgConnection> for PutSwitch {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        sql("INSERT INTO switch (address, name) VALUES ($1, $2)
             ON CONFLICT (address) DO UPDATE SET name = excluded.name")
        .bind(text(&self.address))
        .bind(text(&self.name))
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Write<PgConnection> for PutCdrRead {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<(), sqlx::Error> {
        sql(
            "INSERT INTO cdr_read AS known (switch, until_us) VALUES ($1, $2)
             ON CONFLICT (switch) DO UPDATE SET until_us = greatest(known.until_us, excluded.until_us)",
        )
        .bind(text(&self.switch))
        .bind(self.until_us)
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Postgres {
    /// How far the CDR files of a switch were read.
    pub(crate) async fn cdr_read(&self, switch: &str) -> Result<Option<i64>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            scalar("SELECT until_us FROM cdr_read WHERE switch = $1")
                .bind(text(switch))
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
        self.read(async |db: &mut PgConnection| {
            sql("SELECT uuid, created_us FROM finished_channel WHERE switch = $1 ORDER BY id")
                .bind(text(switch))
                .try_map(channel)
                .fetch_all(db)
                .await
        })
        .await
    }

    /// Those that came after one of them, a page. Calls of a switch are finished one after
    /// the other, so none comes later with a lower number.
    pub(crate) async fn finished_since(
        &self,
        switch: &str,
        after: i64,
    ) -> Result<Ended, StoreError> {
        let rows: Vec<PgRow> = self
            .read(async |db: &mut PgConnection| {
                sql("SELECT id, uuid, created_us FROM finished_channel
                     WHERE switch = $1 AND id > $2 ORDER BY id LIMIT $3")
                .bind(text(switch))
                .bind(after)
                .bind(PAGE)
                .fetch_all(db)
                .await
            })
            .await?;
        let last = rows.last().map(|row| row.try_get("id"));
        let ended = || {
            Ok(Ended {
                until: last.transpose()?.unwrap_or(after),
                channels: rows.into_iter().map(channel).collect::<Result<_, _>>()?,
            })
        };
        ended().map_err(|error| self.at().classify(&error))
    }

    /// The name of the switch at an address.
    pub(crate) async fn switch_at(&self, address: &str) -> Result<Option<String>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            scalar("SELECT name FROM switch WHERE address = $1")
                .bind(text(address))
                .fetch_optional(db)
                .await
        })
        .await
    }
}

fn channel(row: PgRow) -> Result<FinishedChannel, sqlx::Error> {
    Ok(FinishedChannel {
        uuid: row.try_get("uuid")?,
        created_us: row.try_get("created_us")?,
    })
}
