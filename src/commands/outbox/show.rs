//! `switchhook outbox show`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comfy_table::{Table, presets};
use serde::Serialize;
use switchhook::outbox;
use switchhook::report::printable;
use switchhook::store::{ATTEMPTS_KEPT, Attempt, Content, DocumentDetail, State};
use switchhook::webhook::redact;

use super::row::{Row, kind_word};
use crate::cli::operator::Show;
use crate::commands;
use crate::commands::desk::{Desk, Times, brief};

/// One document with its attempts and what is sent.
pub async fn show(desk: &Desk, args: &Show) -> Result<(), String> {
    let document = outbox::show(&desk.store, &args.id).await;
    let document = document.map_err(|error| error.to_string())?;
    let pauses = desk.pauses().await?;
    let row = Row::new(&document.row, &pauses, &desk.times);
    let text = match args.json {
        true => json(row, &document, &desk.times)?,
        false => text(&row, &document, &desk.times),
    };
    commands::say(&text)
}

/// The field names are a contract.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    history: Vec<Tried<'a>>,
    method: Option<&'a str>,
    url: Option<String>,
    headers: Vec<Header<'a>>,
    /// None when it is no text.
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

#[derive(Serialize)]
struct Tried<'a> {
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
    let whole = Whole {
        row,
        history: document
            .attempts
            .iter()
            .map(|attempt| tried(attempt, times))
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

fn tried<'a>(attempt: &'a Attempt, times: &Times) -> Tried<'a> {
    Tried {
        at: times.at(attempt.started_ms),
        took_ms: attempt.took_ms,
        status: attempt.status,
        error: attempt.error.as_deref(),
    }
}

fn headers(content: &Content) -> impl Iterator<Item = Header<'_>> {
    content.headers.iter().map(|(name, value)| Header {
        name,
        value: redact::header(name, value),
    })
}

/// What cannot be read as a URL may hide a secret anywhere.
fn shown_url(text: &str) -> String {
    url::Url::parse(text).map_or_else(
        |_| redact::SECRET.to_owned(),
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
    let made = format!("{}, {}", row.made, times.away(document.row.inserted_ms));
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
        (State::Waiting, Some(reason), _) => format!("{words}: {reason}"),
        (State::Waiting, None, Some(due)) => format!("{words}, {}", times.away(due)),
        (State::Waiting | State::Leased | State::Delivered | State::Dead, _, _) => words.into(),
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

fn request(content: &Content, out: &mut String) -> std::fmt::Result {
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
        let between_tabs: Vec<String> = line.split('\t').map(printable).collect();
        writeln!(out, "{}", between_tabs.join("\t"))?;
    }
    Ok(())
}
