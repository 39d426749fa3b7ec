//! What an operator sees of the outbox, and replay.

use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite as Database, SqliteArguments, SqliteConnection, SqliteRow};

use super::Sqlite;
use super::claims::{content, kind, resume};
use crate::StoreError;
use crate::clock::millis;
use crate::model::{Attempt, EndpointBacklog, DocumentDetail, DocumentRow, DocumentFilter, DocumentState};
use crate::ops::{Replay, Write};

/// The columns of a list; `filter!` follows.
macro_rules! rows {
    () => {
        "SELECT id, webhook_id, kind, endpoint, switch, call_uuid, flow, state, attempts, inserted_ms,
                due_ms, last_ms, length(body) AS body_bytes,
                (SELECT coalesce(error, 'HTTP ' || status) FROM attempt WHERE document_id = document.id
                 ORDER BY attempt.rowid DESC LIMIT 1) AS last_result
         FROM document "
    };
}

pub(super) use rows;

/// Takes the five values of [`bind_filter`].
macro_rules! filter {
    () => {
        "(?1 IS NULL OR webhook_id IN (SELECT value FROM json_each(?1)))
         AND (?2 IS NULL OR state IN (SELECT value FROM json_each(?2)))
         AND (?3 IS NULL OR endpoint = ?3)
         AND (?4 IS NULL OR inserted_ms >= ?4) AND (?5 IS NULL OR inserted_ms < ?5) "
    };
}

type Prepared<'q> = Query<'q, Database, SqliteArguments>;

fn bind_filter<'q>(query: Prepared<'q>, filter: &DocumentFilter) -> Prepared<'q> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let list = |words: Vec<&str>| (!words.is_empty()).then(|| serde_json::json!(words).to_string());
    query
        .bind(list(filter.ids.iter().map(String::as_str).collect()))
        .bind(list(states))
        .bind(filter.endpoint.clone())
        .bind(filter.from_ms)
        .bind(filter.until_ms)
}

impl Sqlite {
    /// The oldest `limit` documents that fit, in the order in which they were frozen.
    pub(crate) async fn documents(
        &self,
        filter: &DocumentFilter,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            let query = sqlx::query(concat!(
                rows!(),
                "WHERE ",
                filter!(),
                "ORDER BY id LIMIT ?6"
            ));
            bind_filter(query, filter)
                .bind(limit)
                .try_map(|row| document_row(&row))
                .fetch_all(db)
                .await
        })
        .await
    }

    /// One document with its content and history.
    pub(crate) async fn document(
        &self,
        webhook_id: &str,
    ) -> Result<Option<DocumentDetail>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            let row = sqlx::query(concat!(rows!(), "WHERE webhook_id = ?"))
                .bind(webhook_id)
                .fetch_optional(&mut *db)
                .await?;
            match row {
                Some(row) => detail(db, &row).await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    /// Every endpoint that has something to send, or is paused.
    pub(crate) async fn backlogs(&self) -> Result<Vec<EndpointBacklog>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query(
                "SELECT endpoint, sum(waiting) AS waiting, sum(leased) AS leased, sum(dead) AS dead,
                        min(oldest_ms) AS oldest_ms, max(paused) AS paused FROM (
                     SELECT endpoint, sum(state = 'waiting') AS waiting, sum(state = 'leased') AS leased,
                            0 AS dead, min(inserted_ms) AS oldest_ms, NULL AS paused
                     FROM document WHERE state IN ('waiting', 'leased') GROUP BY endpoint
                     UNION ALL SELECT endpoint, 0, 0, count(*), NULL, NULL
                     FROM document WHERE state = 'dead' GROUP BY endpoint
                     UNION ALL SELECT endpoint, 0, 0, 0, NULL, reason FROM pause)
                 GROUP BY endpoint ORDER BY endpoint",
            )
            .try_map(backlog)
            .fetch_all(db)
            .await
        })
        .await
    }

    /// Paused endpoints and why.
    pub(crate) async fn pauses(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            sqlx::query("SELECT endpoint, reason FROM pause ORDER BY endpoint")
                .try_map(|row: SqliteRow| Ok((row.try_get("endpoint")?, row.try_get("reason")?)))
                .fetch_all(db)
                .await
        })
        .await
    }

    /// How many documents fit, without those that are being tried.
    pub(crate) async fn count_replayable(&self, filter: &DocumentFilter) -> Result<u64, StoreError> {
        self.read(async |db: &mut SqliteConnection| {
            let query = sqlx::query(concat!(
                "SELECT count(*) AS n FROM document WHERE state <> 'leased' AND ",
                filter!()
            ));
            let row = bind_filter(query, filter).fetch_one(db).await?;
            row.try_get("n")
        })
        .await
    }
}

async fn detail(db: &mut SqliteConnection, row: &SqliteRow) -> Result<DocumentDetail, sqlx::Error> {
    let id: i64 = row.try_get("id")?;
    let full = sqlx::query("SELECT method, url, headers, body FROM document WHERE id = ?")
        .bind(id)
        .fetch_one(&mut *db)
        .await?;
    let attempts = sqlx::query(
        "SELECT started_ms, took_ms, status, error FROM attempt WHERE document_id = ? ORDER BY rowid",
    );
    Ok(DocumentDetail {
        row: document_row(row)?,
        content: content(&full)?,
        attempts: attempts.bind(id).try_map(attempt).fetch_all(db).await?,
    })
}

fn attempt(row: SqliteRow) -> Result<Attempt, sqlx::Error> {
    Ok(Attempt {
        started_ms: row.try_get("started_ms")?,
        took_ms: row.try_get("took_ms")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
    })
}

pub(super) fn document_row(row: &SqliteRow) -> Result<DocumentRow, sqlx::Error> {
    let state: DocumentState = row
        .try_get::<&str, _>("state")?
        .parse()
        .map_err(|error: String| sqlx::Error::Decode(error.into()))?;
    Ok(DocumentRow {
        webhook_id: row.try_get("webhook_id")?,
        kind: kind(row)?,
        endpoint: row.try_get("endpoint")?,
        switch: row.try_get("switch")?,
        call_uuid: row.try_get("call_uuid")?,
        flow: row.try_get("flow")?,
        state,
        attempts: row.try_get("attempts")?,
        inserted_ms: row.try_get("inserted_ms")?,
        due_ms: state.due(row.try_get("due_ms")?),
        last_ms: row.try_get("last_ms")?,
        body_bytes: row.try_get("body_bytes")?,
        last_result: row
            .try_get::<Option<String>, _>("last_result")?
            .unwrap_or_default(),
    })
}

fn backlog(row: SqliteRow) -> Result<EndpointBacklog, sqlx::Error> {
    Ok(EndpointBacklog {
        endpoint: row.try_get("endpoint")?,
        waiting: row.try_get("waiting")?,
        leased: row.try_get("leased")?,
        dead: row.try_get("dead")?,
        oldest_ms: row.try_get("oldest_ms")?,
        paused: row.try_get("paused")?,
    })
}

impl Write<SqliteConnection> for Replay {
    async fn apply(&self, db: &mut SqliteConnection, now_ms: i64) -> Result<u64, sqlx::Error> {
        let paused = sqlx::query(concat!(
            "SELECT endpoint FROM pause WHERE endpoint IN
                (SELECT endpoint FROM document WHERE state <> 'leased' AND ",
            filter!(),
            ")"
        ));
        let paused = bind_filter(paused, &self.filter)
            .try_map(|row: SqliteRow| row.try_get::<String, _>("endpoint"))
            .fetch_all(&mut *db)
            .await?;
        for endpoint in &paused {
            resume(db, endpoint).await?;
        }
        let replay = sqlx::query(concat!(
            "UPDATE document SET state = 'waiting', due_ms = ?6 + ?7 * chosen.place, attempts = 0,
                                 first_ms = NULL, not_before_ms = 0, settled_ms = NULL
             FROM (SELECT id AS chosen_id, row_number() OVER (ORDER BY id) - 1 AS place FROM document
                   WHERE state <> 'leased' AND ",
            filter!(),
            ") AS chosen WHERE document.id = chosen.chosen_id"
        ));
        let replayed = bind_filter(replay, &self.filter)
            .bind(now_ms)
            .bind(millis(self.gap))
            .execute(db)
            .await?;
        Ok(replayed.rows_affected())
    }
}
