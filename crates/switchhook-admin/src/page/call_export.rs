//! `/calls.csv` and `/calls.json`: the calls of a filter, numbers masked as on the page.

use axum::extract::Query;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::call_entry::CallEntry;
use crate::calls;
use crate::state::AdminState;
use switchhook_core::timestamp::rfc3339_ms;
use switchhook_core::zone::Zone;
use switchhook_store::StoreError;

use super::call_params::CallsParams;

/// Calls of one export, at most; the last line of a longer one says so.
const MOST: usize = 10_000;
/// Calls of one read.
const READ: u32 = 1_000;

/// One call.
#[derive(Debug, Serialize)]
struct ExportedCall {
    began: String,
    uuid: String,
    caller: String,
    called: String,
    account: String,
    flow: String,
    switch: String,
    webhooks: String,
    ending: String,
    reason: String,
    sentence: String,
    status: Option<u16>,
    webhook_ms: Option<u64>,
    held_ms: Option<u64>,
    hangup_cause: String,
    duration_ms: Option<i64>,
    talk_ms: Option<i64>,
}

/// The names of the columns, in the order of [`ExportedCall::cells`].
const COLUMNS: [&str; 17] = [
    "began",
    "uuid",
    "caller",
    "called",
    "account",
    "flow",
    "switch",
    "webhooks",
    "ending",
    "reason",
    "sentence",
    "status",
    "webhook_ms",
    "held_ms",
    "hangup_cause",
    "duration_ms",
    "talk_ms",
];

impl ExportedCall {
    fn of(call: &CallEntry, zone: Zone) -> Self {
        let lookup = call.decisive_lookup();
        let outcome = lookup.and_then(|lookup| lookup.outcome.as_ref());
        let summary = call.finished.as_ref().map(|(_, summary)| summary);
        let detail = outcome.and_then(|outcome| outcome.detail.clone());
        let reason = lookup.and_then(|lookup| lookup.reason());
        Self {
            began: rfc3339_ms(call.began_ms, zone),
            uuid: call.uuid.clone(),
            caller: call.caller.clone(),
            called: call.called.clone(),
            account: call.account.clone(),
            flow: call.flow.clone(),
            switch: call
                .finished
                .as_ref()
                .map(|(switch, _)| switch.clone())
                .unwrap_or_default(),
            webhooks: call.webhooks().join(" "),
            ending: lookup
                .map(|lookup| lookup.ending.to_string())
                .unwrap_or_default(),
            reason: reason.unwrap_or_default().to_owned(),
            sentence: detail.unwrap_or_default(),
            status: outcome.and_then(|outcome| outcome.status),
            webhook_ms: outcome
                .and_then(|outcome| outcome.asked_us)
                .map(|us| us / 1_000),
            held_ms: lookup.map(|lookup| lookup.held_us / 1_000),
            hangup_cause: summary
                .map(|summary| summary.hangup_cause.clone())
                .unwrap_or_default(),
            duration_ms: summary.map(|summary| summary.ended_ms - summary.started_ms),
            talk_ms: summary.map(|summary| summary.talk_ms),
        }
    }

    fn cells(self) -> [String; 17] {
        fn number<T: ToString>(number: Option<T>) -> String {
            number.map(|number| number.to_string()).unwrap_or_default()
        }
        [
            self.began,
            self.uuid,
            self.caller,
            self.called,
            self.account,
            self.flow,
            self.switch,
            self.webhooks,
            self.ending,
            self.reason,
            self.sentence,
            number(self.status),
            number(self.webhook_ms),
            number(self.held_ms),
            self.hangup_cause,
            number(self.duration_ms),
            number(self.talk_ms),
        ]
    }
}

async fn exported(
    state: &AdminState,
    params: &CallsParams,
) -> Result<Vec<ExportedCall>, StoreError> {
    let mut query = params.query(state.time_zone, READ);
    query.before = None;
    let mut all = Vec::new();
    loop {
        let (calls, next) = calls::find_calls(state, &query).await?;
        let calls = calls.iter();
        all.extend(calls.map(|call| ExportedCall::of(call, state.time_zone)));
        if next.is_none() || all.len() >= MOST {
            all.truncate(MOST);
            return Ok(all);
        }
        query.before = next;
    }
}

fn file(kind: &'static str, name: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store"),
    ]
}

fn failed(error: &StoreError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}

/// Responds with a JSON array.
pub(crate) async fn json(state: AdminState, Query(params): Query<CallsParams>) -> Response {
    match exported(&state, &params).await {
        Ok(calls) => {
            let text = serde_json::to_string_pretty(&calls).unwrap_or_default();
            let headers = file("application/json", "attachment; filename=\"calls.json\"");
            (headers, text).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Responds with CSV (RFC 4180).
pub(crate) async fn csv(state: AdminState, Query(params): Query<CallsParams>) -> Response {
    match exported(&state, &params).await {
        Ok(calls) => {
            let mut text = COLUMNS.join(",");
            text.push_str("\r\n");
            for call in calls {
                let cells = call.cells().map(|cell| quoted(&cell));
                text.push_str(&cells.join(","));
                text.push_str("\r\n");
            }
            let headers = file(
                "text/csv; charset=utf-8",
                "attachment; filename=\"calls.csv\"",
            );
            (headers, text).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Quotes a cell. An apostrophe keeps a spreadsheet from taking a text for a formula (OWASP, "CSV
/// Injection").
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let is_number = cell.parse::<i64>().is_ok() && !cell.starts_with('+');
    let mark = if is_formula && !is_number { "'" } else { "" };
    if is_formula || cell.contains([',', '"', '\n', '\r']) {
        format!("\"{mark}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_never_becomes_a_formula() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+4930123", "\"'+4930123\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
