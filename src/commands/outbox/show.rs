//! `switchhook outbox show`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comfy_table::{Table, presets};
use serde::Serialize;
use switchhook_service::listing::printable;
use switchhook_service::outbox;
use switchhook_store::{ATTEMPTS_KEPT, Attempt, DocumentDetail, DocumentState, RequestContent};
use switchhook_webhook::redact;

use super::row::{Row, kind_word};
use crate::cli::operator::Show;
use crate::commands;
use crate::commands::store_context::{StoreContext, Times, brief};

/// Prints one document with its attempts and its request.
pub async fn show(context: &StoreContext, args: &Show) -> Result<(), String> {
    let document = outbox::show(&context.store, &args.id).await;
    let document = document.map_err(|error| error.to_string())?;
    let pauses = context.pauses().await?;
    let row = Row::new(&document.row, &pauses, &context.times);
    let text = if args.json {
        json(row, &document, &context.times)?
    } else {
        text(&row, &document, &context.times)
    };
    commands::write_stdout(&text)
}

/// The object that `--json` prints; the field names are a contract.
#[derive(Serialize)]
struct DocumentJson<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    history: Vec<AttemptJson<'a>>,
    method: Option<&'a str>,
    url: Option<String>,
    headers: Vec<Header<'a>>,
    /// `None` if it is no text.
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    at: String,
    took_ms: i64,
    status: Option<u16>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

fn json(row: Row<'_>, document: &DocumentDetail, times: &Times) -> Result<String, String> {
    let content = &document.content;
    let body = std::str::from_utf8(&content.body).ok();
    let whole = DocumentJson {
        row,
        history: document
            .attempts
            .iter()
            .map(|attempt| attempt_json(attempt, times))
            .collect(),
        method: content.method.as_deref(),
        url: content.url.as_deref().map(shown_url),
        headers: headers(content).collect(),
        body,
        body_base64: body.is_none().then(|| STANDARD.encode(&content.body)),
    };
    let text = serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn attempt_json<'a>(attempt: &'a Attempt, times: &Times) -> AttemptJson<'a> {
    AttemptJson {
        at: times.at(attempt.started_ms),
        took_ms: attempt.took_ms,
        status: attempt.status,
        error: attempt.error.as_deref(),
    }
}

fn headers(content: &RequestContent) -> impl Iterator<Item = Header<'_>> {
    content.headers.iter().map(|(name, value)| Header {
        name,
        value: redact::header(name, value),
    })
}

/// Redacts a URL. A text that is no URL may have a secret anywhere, so nothing of it is shown.
fn shown_url(text: &str) -> String {
    url::Url::parse(text).map_or_else(
        |_| switchhook_core::secret::REDACTED.to_owned(),
        |url| redact::url(&url).into_owned(),
    )
}

fn text(row: &Row<'_>, document: &DocumentDetail, times: &Times) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = facts(row, document, times, &mut out);
    let _ = history(document, times, &mut out);
    let _ = request(&document.content, &mut out);
    out
}

fn facts(
    row: &Row<'_>,
    document: &DocumentDetail,
    times: &Times,
    out: &mut String,
) -> std::fmt::Result {
    let made = format!("{}, {}", row.made, times.relative(document.row.inserted_ms));
    let facts = [
        ("id", row.id),
        ("kind", kind_word(row.kind)),
        ("webhook", row.webhook),
        ("call", row.call),
        ("flow", row.flow),
        ("switch", row.switch),
        ("state", row.state.as_str()),
        ("made", &made),
        ("next attempt", &next(row, document, times)),
        ("attempts", &row.attempts.to_string()),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{name:<13} {}", printable(value))?;
    }
    writeln!(out)
}

fn next(row: &Row<'_>, document: &DocumentDetail, times: &Times) -> String {
    let words = row.next_in_words();
    match (row.state, row.paused, document.row.due_ms) {
        (DocumentState::Waiting, Some(reason), _) => format!("{words}: {reason}"),
        (DocumentState::Waiting, None, Some(due)) => format!("{words}, {}", times.relative(due)),
        (
            DocumentState::Waiting
            | DocumentState::Leased
            | DocumentState::Delivered
            | DocumentState::Dead
            | DocumentState::Expired,
            _,
            _,
        ) => words.into(),
    }
}

fn history(document: &DocumentDetail, times: &Times, out: &mut String) -> std::fmt::Result {
    let attempts = &document.attempts;
    if attempts.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_header(["attempt at", "took", "outcome"]);
    for attempt in attempts {
        let outcome = match (attempt.status, &attempt.error) {
            (Some(status), None) => format!("HTTP {status}"),
            (Some(status), Some(error)) => format!("HTTP {status}: {error}"),
            (None, error) => error.clone().unwrap_or_default(),
        };
        let cells = [
            times.at(attempt.started_ms),
            brief(attempt.took_ms),
            outcome,
        ];
        table.add_row(cells.map(|cell| printable(&cell)));
    }
    writeln!(out, "{table}")?;
    if attempts.len() >= ATTEMPTS_KEPT as usize {
        writeln!(out, "the last {ATTEMPTS_KEPT} attempts")?;
    }
    writeln!(out)
}

fn request(content: &RequestContent, out: &mut String) -> std::fmt::Result {
    let method = content.method.as_deref().unwrap_or("POST");
    let url = content.url.as_deref().map(shown_url);
    let url = url.as_deref().unwrap_or("(no URL)");
    writeln!(out, "{} {}", printable(method), printable(url))?;
    for header in headers(content) {
        let (name, value) = (printable(header.name), printable(header.value));
        writeln!(out, "{name}: {value}")?;
    }
    let body = String::from_utf8_lossy(&content.body);
    if !body.is_empty() {
        writeln!(out)?;
    }
    for line in body.lines() {
        let parts: Vec<String> = line.split('\t').map(printable).collect();
        writeln!(out, "{}", parts.join("\t"))?;
    }
    Ok(())
}
