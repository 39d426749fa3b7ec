//! One document: every attempt, and what is sent.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use crate::http::Ops;
use crate::{format, replay};
use switchhook_core::clock;
use switchhook_store::{Attempt, Content, DeliveryKind, DocumentDetail, Parties, StoreError};
use switchhook_webhook::redact;

use super::components::Paused;
use super::{View, components, missing, outbox, unread, webhooks};

/// Bytes of a body that are shown.
const SHOWN: usize = 256 * 1024;

/// The view.
pub(crate) async fn respond(ops: &Ops, id: &str) -> Response {
    let document = match ops.store.document(id).await {
        Ok(document) => document,
        Err(error @ StoreError::NoSuchDocument { .. }) => return missing(ops, &error.to_string()),
        Err(error) => {
            let body = html! { h1 { "Document" } (unread(&error)) };
            return view(body).respond(ops, StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    let pauses = ops.store.pauses().await.unwrap_or_default();
    let paused = |name: &str| pauses.iter().any(|(one, _)| one == name);
    let known = outbox::parties(ops, std::slice::from_ref(&document.row)).await;
    view(body(ops, &document, &known, &paused)).respond(ops, StatusCode::OK)
}

const fn view(body: Markup) -> View<'static> {
    View {
        title: "Document",
        here: "/outbox",
        search: "",
        body,
    }
}

fn body(ops: &Ops, document: &DocumentDetail, known: &[Parties], paused: Paused<'_>) -> Markup {
    let what = match document.row.kind {
        DeliveryKind::Document => "Document",
        DeliveryKind::Request => "Request",
    };
    let row = &document.row;
    let now_ms = clock::now_ms();
    html! {
        div.row {
            h1 {
                (what)
                @if known.is_empty() { " to" } @else { " of " (outbox::whose(row, known)) ", to" }
                " webhook " (webhooks::link(&row.endpoint))
            }
            (components::state(row, paused))
        }
        dl.facts {
            div { dt { "Made" } dd { (format::moment(row.inserted_ms, ops.time_zone)) } }
            @if let Some(due) = row.due_ms.filter(|_| !paused(&row.endpoint)) { div { dt { "Next" } dd { (format::away(due, now_ms)) } } }
            div { dt { "Attempts" } dd { (row.attempts) } }
            div { dt { "Size" } dd { (format::bytes(row.body_bytes)) } }
            div { dt { "webhook-id" } dd.id { (row.webhook_id) } }
            div { dt { "Call" } dd.id { a href={ "/calls/" (row.call_uuid) } { (row.call_uuid) } } }
        }
        (replay::button(ops, &row.webhook_id))
        (history(ops, &document.attempts))
        (request(ops, &document.content))
    }
}

fn history(ops: &Ops, attempts: &[Attempt]) -> Markup {
    html! {
        section aria-labelledby="attempts" {
            h2 #attempts { "Attempts" }
            @if attempts.is_empty() {
                p.empty { "Not tried yet." }
            } @else {
                div.scroll tabindex="0" role="region" aria-labelledby="attempts" {
                    table {
                        thead { tr { th scope="col" { "At" } th.number scope="col" { "Took" } th scope="col" { "Outcome" } } }
                        tbody {
                            @for one in attempts {
                                tr {
                                    td { (format::moment(one.started_ms, ops.time_zone)) }
                                    td.number { (format::took(one.took_ms.unsigned_abs() * 1_000)) }
                                    td { (ops.mask.text(&outcome(one))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn outcome(attempt: &Attempt) -> String {
    match (attempt.status, &attempt.error) {
        (Some(status), None) => format!("HTTP {status}"),
        (Some(status), Some(error)) => format!("HTTP {status}: {error}"),
        (None, error) => error.clone().unwrap_or_default(),
    }
}

fn request(ops: &Ops, content: &Content) -> Markup {
    let url = content.url.as_deref().map(|url| {
        url::Url::parse(url).map_or_else(
            |_| redact::SECRET.to_owned(),
            |url| redact::url(&url).into_owned(),
        )
    });
    let url = url.map(|url| ops.mask.text(&url));
    html! {
        section aria-labelledby="request" {
            h2 #request { "Request" }
            pre tabindex="0" aria-label="Request line and headers" {
                (content.method.as_deref().unwrap_or("POST")) " " (url.as_deref().unwrap_or("(the webhook's URL)")) "\n"
                @for (name, value) in &content.headers { (name) ": " (ops.mask.text(redact::header(name, value))) "\n" }
            }
            pre tabindex="0" aria-label="Body" { (ops.mask.text(&text(&content.body))) }
        }
    }
}

/// JSON with its lines; anything else as it is.
fn text(body: &[u8]) -> String {
    let short = &body[..body.len().min(SHOWN)];
    let json: Option<serde_json::Value> = serde_json::from_slice(short).ok();
    let pretty = json.and_then(|json| serde_json::to_string_pretty(&json).ok());
    let mut text = pretty.unwrap_or_else(|| String::from_utf8_lossy(short).into_owned());
    if short.len() < body.len() {
        text.push_str("\n… (switchhook outbox show has all of it)");
    }
    text
}
