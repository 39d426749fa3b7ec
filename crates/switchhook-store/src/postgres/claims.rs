//! The outbox's rows: inserted once, claimed with a lease, settled with its token.

use std::time::Duration;

use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::sql::{scalar, sql, text};
use crate::clock::{between, millis};
use crate::model::{
    ATTEMPTS_KEPT, Claimed, Content, DeliveryKind, Lease, NewDocument, Settled, Want,
};
use crate::ops::{CHUNK, Claim, Pause, PullForward, PutRequest, Release, Resume, Settle, Write};

/// Inserts what is to be sent as `webhook_id`, due now; whether it is new. It is not when this
/// call has a document for that webhook already, or that id is known.
pub(super) async fn insert(
    db: &mut PgConnection,
    (switch, created_us): (&str, i64),
    (webhook_id, document): (&str, &NewDocument),
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let headers = serde_json::to_string(&document.content.headers)
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    let inserted = sql(
        "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, method, url,
                               headers, body, state, due_ms, inserted_ms, created_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', $11, $11, $12)
         ON CONFLICT DO NOTHING",
    )
    .bind(webhook_id)
    .bind(document.kind.as_str())
    .bind(text(switch))
    .bind(text(&document.call_uuid))
    .bind(text(&document.flow))
    .bind(text(&document.webhook))
    .bind(document.content.method.as_deref().map(text))
    .bind(document.content.url.as_deref().map(text))
    .bind(headers)
    .bind(&document.content.body[..])
    .bind(now_ms)
    .bind(created_us)
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) fn kind(row: &PgRow) -> Result<DeliveryKind, sqlx::Error> {
    Ok(DeliveryKind::named(row.try_get("kind")?))
}

pub(super) fn content(row: &PgRow) -> Result<Content, sqlx::Error> {
    let headers: &str = row.try_get("headers")?;
    Ok(Content {
        method: row.try_get("method")?,
        url: row.try_get("url")?,
        headers: serde_json::from_str(headers).map_err(|e| sqlx::Error::Decode(e.into()))?,
        body: Bytes::from(row.try_get::<Vec<u8>, _>("body")?),
    })
}

/// A number that is never negative, as PostgreSQL keeps it.
pub(super) fn count<T: TryFrom<i64>>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    let out = || sqlx::Error::Decode(format!("{column} is {number}").into());
    T::try_from(number).map_err(|_| out())
}

impl Write<PgConnection> for PutRequest {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        insert(db, ("", 0), (&self.webhook_id, &self.request), now_ms).await
    }
}

impl Write<PgConnection> for Claim {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<Vec<Claimed>, sqlx::Error> {
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

/// What another instance is claiming just now is passed over.
async fn claim(
    db: &mut PgConnection,
    want: &Want,
    of: &Claim,
    now_ms: i64,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let mut claimed: Vec<Claimed> = sql(
        "WITH due AS (
             SELECT id AS due_id FROM document
             WHERE endpoint = $4 AND state IN ('waiting', 'leased') AND due_ms <= $2
               AND NOT EXISTS (SELECT 1 FROM pause WHERE pause.endpoint = $4)
             ORDER BY due_ms LIMIT $5 FOR UPDATE SKIP LOCKED)
         UPDATE document SET state = 'leased', lease = $1, due_ms = $2 + $3, attempts = attempts + 1,
                             first_ms = coalesce(first_ms, $2), last_ms = $2
         FROM due WHERE id = due_id
         RETURNING id, webhook_id, kind, endpoint, call_uuid, flow, method, url, headers, body,
                   attempts, first_ms",
    )
    .bind(&of.token)
    .bind(now_ms)
    .bind(millis(of.lease))
    .bind(text(&want.endpoint))
    .bind(i64::from(want.limit))
    .try_map(|row| to_claimed(&row, &of.token, now_ms))
    .fetch_all(db)
    .await?;
    claimed.sort_by_key(|document| document.lease.id);
    Ok(claimed)
}

/// Frees what was leased under this token: its claimer never learnt of it, and began nothing.
async fn free(db: &mut PgConnection, token: &[u8], now_ms: i64) -> Result<(), sqlx::Error> {
    sql(
        "UPDATE document SET state = 'waiting', lease = NULL, due_ms = $1, attempts = attempts - 1
         WHERE state = 'leased' AND lease = $2",
    )
    .bind(now_ms)
    .bind(token)
    .execute(db)
    .await?;
    Ok(())
}

fn to_claimed(row: &PgRow, token: &[u8], now_ms: i64) -> Result<Claimed, sqlx::Error> {
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
        attempt: count(row, "attempts")?,
        since_first: between(row.try_get("first_ms")?, now_ms),
    })
}

impl Write<PgConnection> for Settle {
    /// With the attempt in the history, of which the oldest go: the one that is added is
    /// not among those that the trimming sees.
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<bool, sqlx::Error> {
        let (state, wait, not_before) = match self.settled {
            Settled::Delivered => ("delivered", Duration::ZERO, Duration::ZERO),
            Settled::Again { wait, not_before } => ("waiting", wait, not_before),
            Settled::Dead => ("dead", Duration::ZERO, Duration::ZERO),
        };
        let took_ms = millis(self.report.took);
        let settled: i64 = scalar(
            "WITH settled AS (
                 UPDATE document SET state = $1, lease = NULL, due_ms = $2 + $3, not_before_ms = $2 + $4,
                                     settled_ms = CASE $1 WHEN 'waiting' THEN NULL ELSE $2 END
                 WHERE id = $5 AND state = 'leased' AND lease = $6 RETURNING id AS settled_id),
             trimmed AS (
                 DELETE FROM attempt USING settled WHERE document_id = settled_id AND id <=
                    (SELECT id FROM attempt WHERE document_id = $5 ORDER BY id DESC LIMIT 1 OFFSET $7)),
             added AS (
                 INSERT INTO attempt (document_id, started_ms, took_ms, status, error)
                 SELECT settled_id, $8, $9, $10, $11 FROM settled)
             SELECT count(*) FROM settled",
        )
        .bind(state)
        .bind(now_ms)
        .bind(millis(wait))
        .bind(millis(not_before))
        .bind(self.lease.id)
        .bind(&self.lease.token)
        .bind(i64::from(ATTEMPTS_KEPT) - 1)
        .bind(now_ms.saturating_sub(took_ms))
        .bind(took_ms)
        .bind(self.report.status.map(i64::from))
        .bind(self.report.error.as_deref().map(text))
        .fetch_one(db)
        .await?;
        Ok(settled == 1)
    }
}

impl Write<PgConnection> for Release {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut released = 0;
        for lease in &self.0 {
            released += sql(
                "UPDATE document SET state = 'waiting', lease = NULL, due_ms = $1
                 WHERE id = $2 AND state = 'leased' AND lease = $3",
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

impl Write<PgConnection> for PullForward {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let moved = sql("UPDATE document SET due_ms = greatest($1, not_before_ms)
             WHERE id IN (SELECT id FROM document
                          WHERE endpoint = $2 AND state = 'waiting' AND attempts > 0
                            AND due_ms > greatest($1, not_before_ms)
                          LIMIT $3 FOR UPDATE SKIP LOCKED)");
        let moved = moved
            .bind(now_ms)
            .bind(text(&self.0))
            .bind(i64::from(CHUNK))
            .execute(db)
            .await?;
        Ok(moved.rows_affected())
    }
}

impl Write<PgConnection> for Pause {
    async fn apply(&self, db: &mut PgConnection, now_ms: i64) -> Result<(), sqlx::Error> {
        sql(
            "INSERT INTO pause (endpoint, since_ms, reason) VALUES ($1, $2, $3)
             ON CONFLICT (endpoint) DO UPDATE SET since_ms = excluded.since_ms, reason = excluded.reason",
        )
        .bind(text(&self.endpoint))
        .bind(now_ms)
        .bind(text(&self.reason))
        .execute(db)
        .await?;
        Ok(())
    }
}

impl Write<PgConnection> for Resume {
    async fn apply(&self, db: &mut PgConnection, _: i64) -> Result<bool, sqlx::Error> {
        resume(db, &self.0).await
    }
}

pub(super) async fn resume(db: &mut PgConnection, endpoint: &str) -> Result<bool, sqlx::Error> {
    let ended = sql("DELETE FROM pause WHERE endpoint = $1")
        .bind(text(endpoint))
        .execute(&mut *db)
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    sql("UPDATE document SET attempts = 0, first_ms = NULL WHERE endpoint = $1 AND state = 'waiting'")
        .bind(text(endpoint))
        .execute(db)
        .await?;
    Ok(true)
}
