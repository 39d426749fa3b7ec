//! The outbox as an operator sees it, and replays.

use std::time::Duration;

use super::recent_calls::accounts;
use super::{Columns as _, SqlConnection, Value, outbox, rows, statements, values};
use crate::clock::millis;
use crate::model::{DocumentDetail, DocumentFilter, DocumentRow, DocumentState, EndpointBacklog};
use crate::operation::{Operation, Write};

/// Documents, requests and events that are shown of one call.
const DOCUMENTS_OF_CALL: u32 = 500;

/// Where a filter's documents are looked for, so that an index leads to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterScope {
    /// Among all.
    All,
    /// Among those that are not delivered.
    Undelivered,
    /// Among those with its ids.
    Ids,
}

impl FilterScope {
    fn of(filter: &DocumentFilter) -> Self {
        let delivered = filter.states.contains(&DocumentState::Delivered);
        if !filter.ids.is_empty() {
            Self::Ids
        } else if filter.states.is_empty() || delivered {
            Self::All
        } else {
            Self::Undelivered
        }
    }
}

/// Returns the six values of a filter, then `further` ones.
fn filter_values<'a>(
    filter: &'a DocumentFilter,
    further: impl IntoIterator<Item = Value<'a>>,
) -> Vec<Value<'a>> {
    let list = |words: Vec<&'a str>| Value::from((!words.is_empty()).then_some(words));
    let mut values = vec![
        list(filter.ids.iter().map(String::as_str).collect()),
        list(filter.states.iter().map(|state| state.as_str()).collect()),
        Value::from(&filter.endpoint),
        Value::from(filter.from_ms),
        Value::from(filter.until_ms),
        Value::from(accounts(filter.accounts.as_ref())),
    ];
    values.extend(further);
    values
}

/// Returns the oldest `limit` documents of a filter, in the order in which they were built.
pub(crate) async fn documents<C: SqlConnection>(
    db: &mut C,
    filter: &DocumentFilter,
    limit: u32,
) -> Result<Vec<DocumentRow>, sqlx::Error> {
    let values = filter_values(filter, [limit.into()]);
    let sql = C::DIALECT.documents[FilterScope::of(filter) as usize];
    db.rows(sql, &values, rows::document_row).await
}

/// Returns the documents of these channels, in the order in which they were built.
pub(crate) async fn documents_of_channels<C: SqlConnection>(
    db: &mut C,
    uuids: &[&str],
    of: Option<&Vec<String>>,
) -> Result<Vec<DocumentRow>, sqlx::Error> {
    let values = values![uuids, DOCUMENTS_OF_CALL, accounts(of)];
    let sql = C::DIALECT.documents_of_channels;
    db.rows(sql, values, rows::document_row).await
}

/// Returns a document with its request and its history.
pub(crate) async fn document<C: SqlConnection>(
    db: &mut C,
    webhook_id: &str,
) -> Result<Option<DocumentDetail>, sqlx::Error> {
    let with_id = |row: &C::Row| Ok((row.integer("id")?, rows::document_row(row)?));
    let sql = C::DIALECT.document;
    let found = db.optional_row(sql, values![webhook_id], with_id).await?;
    let Some((id, row)) = found else {
        return Ok(None);
    };
    let sql = statements::DOCUMENT_CONTENT;
    let content = db.row(sql, values![id], rows::request_content).await?;
    let sql = C::DIALECT.attempts;
    let attempts = db.rows(sql, values![id], rows::attempt).await?;
    Ok(Some(DocumentDetail {
        row,
        content,
        attempts,
    }))
}

/// Returns the backlog of each endpoint that has something to send, or is paused.
pub(crate) async fn backlogs<C: SqlConnection>(
    db: &mut C,
) -> Result<Vec<EndpointBacklog>, sqlx::Error> {
    db.rows(statements::BACKLOGS, &[], rows::endpoint_backlog)
        .await
}

/// Returns the backlog of each endpoint that has documents of these accounts.
pub(crate) async fn backlogs_of_accounts<C: SqlConnection>(
    db: &mut C,
    accounts: &[String],
) -> Result<Vec<EndpointBacklog>, sqlx::Error> {
    let sql = C::DIALECT.backlogs_of_accounts;
    db.rows(sql, values![accounts], rows::endpoint_backlog)
        .await
}

/// Returns paused endpoints, each with the reason.
pub(crate) async fn pauses<C: SqlConnection>(
    db: &mut C,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let pause = |row: &C::Row| Ok((row.text("endpoint")?, row.text("reason")?));
    db.rows(statements::PAUSES, &[], pause).await
}

/// Returns when operators last wanted documents sent again, by endpoint.
pub(crate) async fn retry_requests<C: SqlConnection>(
    db: &mut C,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let request = |row: &C::Row| Ok((row.text("endpoint")?, row.integer("at_ms")?));
    db.rows(statements::RETRY_REQUESTS, &[], request).await
}

/// Counts the documents of a filter, without those whose attempt is in progress.
pub(crate) async fn count_replayable<C: SqlConnection>(
    db: &mut C,
    filter: &DocumentFilter,
) -> Result<u64, sqlx::Error> {
    let values = filter_values(filter, []);
    let sql = C::DIALECT.count_replayable[FilterScope::of(filter) as usize];
    db.row(sql, &values, |row| row.count("documents")).await
}

/// Makes documents waiting with a fresh schedule, `gap` apart, and ends the pauses of their
/// endpoints; the output counts the documents.
pub(crate) struct Replay {
    pub(crate) filter: DocumentFilter,
    pub(crate) gap: Duration,
}

impl Operation for Replay {
    type Output = u64;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for Replay {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<u64, sqlx::Error> {
        let values = filter_values(&self.filter, []);
        let scope = FilterScope::of(&self.filter) as usize;
        let sql = C::DIALECT.paused_endpoints[scope];
        let paused = db.rows(sql, &values, |row| row.text("endpoint")).await?;
        for endpoint in &paused {
            outbox::resume(db, endpoint).await?;
        }
        let sql = C::DIALECT.replayed_endpoints[scope];
        let replayed = db.rows(sql, &values, |row| row.text("endpoint")).await?;
        for endpoint in &replayed {
            outbox::request_retry(db, endpoint, now_ms).await?;
        }
        let times = [now_ms.into(), millis(self.gap).into()];
        let values = filter_values(&self.filter, times);
        db.run(C::DIALECT.replay[scope], &values).await
    }
}
