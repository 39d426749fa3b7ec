//! Calls and what their widgets kept, page by page.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use super::claims::count;
use super::sql::{sql, text, texts};
use crate::StoreError;
use crate::model::{CallFilter, CallSummary, PersistedResponse, ReportedCall};
use crate::ops::Cursor;

/// Calls of a page.
const PAGE: u32 = 500;

impl Postgres {
    /// The page at `cursor`, and where the next one begins; `None` after the last.
    pub(crate) async fn report(
        &self,
        filter: &CallFilter,
        cursor: Cursor,
    ) -> Result<(Vec<ReportedCall>, Option<Cursor>), StoreError> {
        self.read(async |db: &mut PgConnection| {
            let (mut calls, next) = match cursor {
                Cursor::Calls(after) => finished(db, filter, after).await?,
                Cursor::Others(after) => others(db, filter, &after).await?,
            };
            add_responses(db, &mut calls).await?;
            Ok((calls, next))
        })
        .await
    }

    /// The webhooks and variable names that the report's calls kept, in order.
    pub(crate) async fn kept_names(
        &self,
        filter: &CallFilter,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql(
                "SELECT DISTINCT response.webhook AS webhook, variable.name AS name
                 FROM response LEFT JOIN call ON call.call_uuid = response.call_uuid,
                      unnest(response.names) AS variable(name)
                 WHERE ($1::text IS NULL OR coalesce(call.flow, response.flow) = $1)
                   AND ($2::bigint IS NULL OR coalesce(call.started_ms, response.at_ms) >= $2)
                   AND ($3::bigint IS NULL OR coalesce(call.started_ms, response.at_ms) < $3)
                 ORDER BY 1, 2",
            )
            .bind(filter.flow.as_deref().map(text))
            .bind(filter.from_ms)
            .bind(filter.until_ms)
            .try_map(|row: PgRow| Ok((row.try_get("webhook")?, row.try_get("name")?)))
            .fetch_all(db)
            .await
        })
        .await
    }
}

type Page = (Vec<ReportedCall>, Option<Cursor>);

async fn finished(
    db: &mut PgConnection,
    filter: &CallFilter,
    after: i64,
) -> Result<Page, sqlx::Error> {
    let rows = sql(
        "SELECT * FROM call WHERE id > $4 AND ($1::text IS NULL OR flow = $1)
            AND ($2::bigint IS NULL OR started_ms >= $2) AND ($3::bigint IS NULL OR started_ms < $3)
            AND (NOT $6 OR EXISTS (SELECT 1 FROM response WHERE response.call_uuid = call.call_uuid))
         ORDER BY id LIMIT $5",
    )
    .bind(filter.flow.as_deref().map(text))
    .bind(filter.from_ms)
    .bind(filter.until_ms)
    .bind(after)
    .bind(i64::from(PAGE))
    .bind(filter.kept_only)
    .fetch_all(db)
    .await?;
    let next = match rows.last() {
        Some(last) if is_full(rows.len()) => Cursor::Calls(last.try_get("id")?),
        Some(_) | None => Cursor::Others(String::new()),
    };
    let calls = rows.iter().map(reported).collect::<Result<_, _>>()?;
    Ok((calls, Some(next)))
}

fn is_full(rows: usize) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows >= PAGE)
}

async fn others(
    db: &mut PgConnection,
    filter: &CallFilter,
    after: &str,
) -> Result<Page, sqlx::Error> {
    let calls: Vec<ReportedCall> = sql("SELECT call_uuid, min(flow) AS flow FROM response
         WHERE call_uuid > $4 AND ($1::text IS NULL OR flow = $1)
           AND ($2::bigint IS NULL OR at_ms >= $2) AND ($3::bigint IS NULL OR at_ms < $3)
           AND NOT EXISTS (SELECT 1 FROM call WHERE call.call_uuid = response.call_uuid)
         GROUP BY call_uuid ORDER BY call_uuid LIMIT $5")
    .bind(filter.flow.as_deref().map(text))
    .bind(filter.from_ms)
    .bind(filter.until_ms)
    .bind(after)
    .bind(i64::from(PAGE))
    .try_map(unfinished)
    .fetch_all(db)
    .await?;
    let last = calls.last().filter(|_| is_full(calls.len()));
    let next = last.map(|call| Cursor::Others(call.call_uuid.clone()));
    Ok((calls, next))
}

fn unfinished(row: PgRow) -> Result<ReportedCall, sqlx::Error> {
    Ok(ReportedCall {
        call_uuid: row.try_get("call_uuid")?,
        flow: row.try_get("flow")?,
        finished: None,
        responses: Vec::new(),
    })
}

pub(super) fn reported(row: &PgRow) -> Result<ReportedCall, sqlx::Error> {
    let flow: String = row.try_get("flow")?;
    let summary = CallSummary {
        account: row.try_get("account")?,
        flow: flow.clone(),
        started_ms: row.try_get("started_ms")?,
        answered_ms: row.try_get("answered_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        talk_ms: row.try_get("talk_ms")?,
        caller: row.try_get("caller")?,
        called: row.try_get("called")?,
        legs: count(row, "legs")?,
        hangup_cause: row.try_get("hangup_cause")?,
        incomplete: row.try_get("incomplete")?,
    };
    Ok(ReportedCall {
        call_uuid: row.try_get("call_uuid")?,
        flow,
        finished: Some((row.try_get("switch")?, summary)),
        responses: Vec::new(),
    })
}

async fn add_responses(
    db: &mut PgConnection,
    calls: &mut [ReportedCall],
) -> Result<(), sqlx::Error> {
    let uuids = texts(calls.iter().map(|call| call.call_uuid.as_str()));
    let responses = sql(
        "SELECT call_uuid, flow, webhook, at_ms, variables FROM response
         WHERE call_uuid = ANY($1) ORDER BY at_ms, id",
    )
    .bind(uuids)
    .try_map(|row| response(&row))
    .fetch_all(db)
    .await?;
    let mut by_call: HashMap<String, Vec<PersistedResponse>> = HashMap::new();
    for response in responses {
        by_call
            .entry(response.call_uuid.clone())
            .or_default()
            .push(response);
    }
    for call in calls {
        call.responses = by_call.get(&call.call_uuid).cloned().unwrap_or_default();
    }
    Ok(())
}

pub(super) fn response(row: &PgRow) -> Result<PersistedResponse, sqlx::Error> {
    let variables: &str = row.try_get("variables")?;
    Ok(PersistedResponse {
        call_uuid: row.try_get("call_uuid")?,
        flow: row.try_get("flow")?,
        webhook: row.try_get("webhook")?,
        at_ms: row.try_get("at_ms")?,
        variables: serde_json::from_str(variables).map_err(|e| sqlx::Error::Decode(e.into()))?,
    })
}
