//! The outbox's rows: inserted once, claimed with a lease, settled with its token.

use std::time::Duration;

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::clock::{between, millis};
use crate::model::{
    ATTEMPTS_KEPT, Claimed, Content, DeliveryKind, Lease, NewDocument, Settled, Want,
};
use crate::ops::{
    CHUNK, Claim, Operation, Pause, PullForward, PutRequest, Release, Resume, Settle, Write,
};

/// Inserts what is to be sent as `webhook_id`, due now; whether it is new. It is not when this
/// call has a document for that webhook already, or that id is known.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    (switch, created_us): (&str, i64),
    (webhook_id, document): (&str, &NewDocument),
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let headers = serde_json::to_string(&document.content.headers)
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let inserted = sqlx::query(
        "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, method, url,
                               headers, body, state, due_ms, inserted_ms, created_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'waiting', ?11, ?11, ?12)
         ON CONFLICT DO NOTHING",
    )
    .bind(webhook_id)
    .bind(document.kind.as_str())
    .bind(switch)
    .bind(&document.call_uuid)
    .bind(&document.flow)
    .bind(&document.webhook)
    .bind(&document.content.method)
    .bind(&document.content.url)
    .bind(headers)
    .bind(&document.content.body[..])
    .bind(now_ms)
    .bind(created_us)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) fn kind(row: &SqliteRow) -> Result<DeliveryKind, sqlx::Error> {
    Ok(DeliveryKind::named(row.try_get("kind")?))
}

pub(super) fn content(row: &SqliteRow) -> Result<Content, sqlx::Error> {
    let headers: &str = row.try_get("headers")?;
    Ok(Content {
        method: row.try_get("method")?,
        url: row.try_get("url")?,
        headers: serde_json::from_str(headers).map_err(|e| sqlx::Error::Decode(e.into()))?,
        body: Bytes::from(row.try_get::<Vec<u8>, _>("body")?),
    })
}

impl Write<SqliteConnection> for PutRequest {
    async fn apply(
        &self,
        db: &mut SqliteConnection,
        now_ms: i64,
    ) -> Result<Self::Output, sqlx::Error> {
        insert(db, ("", 0), (&self.webhook_id, &self.request), now_ms).await
    }
}

impl Write<SqliteConnection> for Claim {
    async fn apply(
        &self,
        db: &mut SqliteConnection,
        now_ms: i64,
    ) -> Result<Self::Output, sqlx::Error> {
        let mut claimed = Vec::new();
        if self.in_doubt {
            free(db, &self.token, now_ms).await?;
        }
        for want in &self.wants {
            claimed.extend(claim(db, want, self, now_ms).await?);
        }
        Ok(claimed)
    }
}

async fn claim(
    db: &mut SqliteConnection,
    want: &Want,
    of: &Claim,
    now_ms: i64,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let mut claimed: Vec<Claimed> = sqlx::query(
        "UPDATE document SET state = 'leased', lease = ?1, due_ms = ?2 + ?3, attempts = attempts + 1,
                             first_ms = coalesce(first_ms, ?2), last_ms = ?2
         WHERE id IN (SELECT id FROM document
                      WHERE endpoint = ?4 AND state IN ('waiting', 'leased') AND due_ms <= ?2
                        AND NOT EXISTS (SELECT 1 FROM pause WHERE pause.endpoint = ?4)
                      ORDER BY due_ms LIMIT ?5)
         RETURNING id, webhook_id, kind, endpoint, call_uuid, flow, method, url, headers, body,
                   attempts, first_ms",
    )
    .bind(&of.token)
    .bind(now_ms)
    .bind(millis(of.lease))
    .bind(&want.endpoint)
    .bind(want.limit)
    .try_map(|row| to_claimed(&row, &of.token, now_ms))
    .fetch_all(db)
    .await?;
    claimed.sort_by_key(|document| document.lease.id);
    Ok(claimed)
}

/// Frees what was leased under this token: its claimer never learnt of it, and began nothing.
async fn free(db: &mut SqliteConnection, token: &[u8], now_ms: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE document SET state = 'waiting', lease = NULL, due_ms = ?, attempts = attempts - 1
         WHERE state = 'leased' AND lease = ?",
    )
    .bind(now_ms)
    .bind(token)
    .execute(db)
    .await?;
    Ok(())
}

fn to_claimed(row: &SqliteRow, token: &[u8], now_ms: i64) -> Result<Claimed, sqlx::Error> {
    let webhook_id: String = row.try_get("webhook_id")?;
    Ok(Claimed {
        lease: Lease {
            id: row.try_get("id")?,
            token: token.to_vec(),
            webhook_id: webhook_id.clone(),
        },
        webhook_id,
        kind: kind(row)?,
        endpoint: row.try_get("endpoint")?,
        call_uuid: row.try_get("call_uuid")?,
        flow: row.try_get("flow")?,
        content: content(row)?,
        attempt: row.try_get("attempts")?,
        since_first: between(row.try_get("first_ms")?, now_ms),
    })
}

impl Write<SqliteConnection> for Settle {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let (state, wait, not_before) = match self.settled {
            Settled::Delivered => ("delivered", Duration::ZERO, Duration::ZERO),
            Settled::Again { wait, not_before } => ("waiting", wait, not_before),
            Settled::Dead => ("dead", Duration::ZERO, Duration::ZERO),
        };
        let settled = sqlx::query(
            "UPDATE document SET state = ?1, lease = NULL, due_ms = ?2 + ?3, not_before_ms = ?2 + ?4,
                                 settled_ms = CASE ?1 WHEN 'waiting' THEN NULL ELSE ?2 END
             WHERE id = ?5 AND state = 'leased' AND lease = ?6",
        )
        .bind(state)
        .bind(now_ms)
        .bind(millis(wait))
        .bind(millis(not_before))
        .bind(self.lease.id)
        .bind(&self.lease.token)
        .execute(&mut *db)
        .await?;
        let ours = settled.rows_affected() == 1;
        if ours {
            self.remember(db, now_ms).await?;
        }
        Ok(ours)
    }
}

impl Settle {
    async fn remember(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<(), sqlx::Error> {
        let took_ms = millis(self.report.took);
        sqlx::query(
            "INSERT INTO attempt (document_id, started_ms, took_ms, status, error)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(self.lease.id)
        .bind(now_ms.saturating_sub(took_ms))
        .bind(took_ms)
        .bind(self.report.status)
        .bind(&self.report.error)
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "DELETE FROM attempt WHERE document_id = ?1 AND rowid <=
                (SELECT rowid FROM attempt WHERE document_id = ?1 ORDER BY rowid DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(self.lease.id)
        .bind(ATTEMPTS_KEPT)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Frees every lease: they are a dead predecessor's, for we hold the file's lock.
pub(crate) struct FreeAll;

impl Operation for FreeAll {
    type Output = u64;
    const INSERTS: bool = true;
}

impl Write<SqliteConnection> for FreeAll {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        // Their attempts may have reached the receiver: they stay counted.
        let freed = sqlx::query(
            "UPDATE document SET state = 'waiting', lease = NULL, due_ms = ? WHERE state = 'leased'",
        );
        let freed = freed.bind(now_ms).execute(&mut *db).await?;
        sqlx::query("UPDATE unpublished SET lease = NULL, due_ms = ? WHERE lease IS NOT NULL")
            .bind(now_ms)
            .execute(db)
            .await?;
        Ok(freed.rows_affected())
    }
}

impl Write<SqliteConnection> for Release {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut released = 0;
        for lease in &self.0 {
            released += sqlx::query(
                "UPDATE document SET state = 'waiting', lease = NULL, due_ms = ?
                 WHERE id = ? AND state = 'leased' AND lease = ?",
            )
            .bind(now_ms)
            .bind(lease.id)
            .bind(&lease.token)
            .execute(&mut *db)
            .await?
            .rows_affected();
        }
        Ok(released)
    }
}

impl Write<SqliteConnection> for PullForward {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let moved = sqlx::query(
            "UPDATE document SET due_ms = max(?1, not_before_ms)
             WHERE id IN (SELECT id FROM document
                          WHERE endpoint = ?2 AND state = 'waiting' AND attempts > 0
                            AND due_ms > max(?1, not_before_ms) LIMIT ?3)",
        );
        let moved = moved
            .bind(now_ms)
            .bind(&self.0)
            .bind(CHUNK)
            .execute(db)
            .await?;
        Ok(moved.rows_affected())
    }
}

impl Write<SqliteConnection> for Pause {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT OR REPLACE INTO pause (endpoint, since_ms, reason) VALUES (?, ?, ?)")
            .bind(&self.endpoint)
            .bind(now_ms)
            .bind(&self.reason)
            .execute(db)
            .await?;
        Ok(())
    }
}

impl Write<SqliteConnection> for Resume {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<bool, sqlx::Error> {
        resume(db, &self.0).await
    }
}

pub(super) async fn resume(db: &mut SqliteConnection, endpoint: &str) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query("DELETE FROM pause WHERE endpoint = ?")
        .bind(endpoint)
        .execute(&mut *db)
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE document SET attempts = 0, first_ms = NULL WHERE endpoint = ? AND state = 'waiting'",
    )
    .bind(endpoint)
    .execute(db)
    .await?;
    Ok(true)
}
