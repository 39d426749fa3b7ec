//! The report: calls with their persisted responses, page by page.

use std::collections::HashMap;

use super::{SqlConnection, Value, rows, statements, values};
use crate::model::{CallFilter, PersistedResponse, ReportedCall};

/// Calls of a page.
const PAGE: u32 = 500;

/// Where the report's next page begins. Finished calls come first, then responses of calls that
/// are in progress or whose switch is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// After this row of `call`.
    Calls(i64),
    /// After this call UUID.
    CallsWithoutSummary(String),
}

/// A page, and where the next one begins; `None` after the last page.
type Page = (Vec<ReportedCall>, Option<Cursor>);

/// Returns the page at `cursor`.
pub(crate) async fn page<C: SqlConnection>(
    db: &mut C,
    filter: &CallFilter,
    cursor: Cursor,
) -> Result<Page, sqlx::Error> {
    let (mut calls, next) = match cursor {
        Cursor::Calls(after) => finished_calls(db, filter, after).await?,
        Cursor::CallsWithoutSummary(after) => calls_without_summary(db, filter, &after).await?,
    };
    add_responses(db, &mut calls).await?;
    Ok((calls, next))
}

async fn finished_calls<C: SqlConnection>(
    db: &mut C,
    filter: &CallFilter,
    after: i64,
) -> Result<Page, sqlx::Error> {
    let values = values![
        &filter.flow,
        filter.from_ms,
        filter.until_ms,
        after,
        PAGE,
        filter.with_responses_only,
    ];
    let sql = statements::REPORTED_CALLS;
    let rows = db.rows(sql, values, rows::reported_call).await?;
    let next = match rows.last() {
        Some((id, _)) if is_full(rows.len()) => Cursor::Calls(*id),
        Some(_) | None => Cursor::CallsWithoutSummary(String::new()),
    };
    let calls = rows.into_iter().map(|(_, call)| call).collect();
    Ok((calls, Some(next)))
}

fn is_full(rows: usize) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows >= PAGE)
}

async fn calls_without_summary<C: SqlConnection>(
    db: &mut C,
    filter: &CallFilter,
    after: &str,
) -> Result<Page, sqlx::Error> {
    let values = values![&filter.flow, filter.from_ms, filter.until_ms, after, PAGE];
    let sql = statements::CALLS_WITHOUT_SUMMARY;
    let calls = db.rows(sql, values, rows::call_without_summary).await?;
    let last = calls.last().filter(|_| is_full(calls.len()));
    let next = last.map(|call| Cursor::CallsWithoutSummary(call.call_uuid.clone()));
    Ok((calls, next))
}

async fn add_responses<C: SqlConnection>(
    db: &mut C,
    calls: &mut [ReportedCall],
) -> Result<(), sqlx::Error> {
    let uuids = calls.iter().map(|call| call.call_uuid.as_str()).collect();
    let values = [Value::Texts(Some(uuids))];
    let sql = C::DIALECT.responses_of_calls;
    let responses = db.rows(sql, &values, rows::persisted_response).await?;
    let mut by_call: HashMap<String, Vec<PersistedResponse>> = HashMap::new();
    for response in responses {
        by_call
            .entry(response.call_uuid.clone())
            .or_default()
            .push(response);
    }
    // Two calls may have one Unique-ID: each of them gets the responses.
    for call in calls {
        call.responses = by_call.get(&call.call_uuid).cloned().unwrap_or_default();
    }
    Ok(())
}
