//! The view of one document: its attempts, and the request that is sent.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::address::address;
use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_store::{
    Attempt, CallParties, DeliveryKind, DocumentDetail, RequestContent, StoreError,
};
use switchhook_webhook::redact;

use super::held::Held;
use super::layout::{View, not_found};
use super::{audit, components, document_rows, outbox, replay, visible};

/// Bytes of a body that are shown.
const SHOWN: usize = 256 * 1024;

/// Responds with the view.
pub(crate) async fn respond(state: &AdminState, id: &str) -> Response {
    let document = match visible::document(state, id).await {
        Ok(document) => document,
        Err(error @ StoreError::NoSuchDocument { .. }) => {
            return not_found(state, &error.to_string());
        }
        Err(error) => {
            let body = html! { h1 { "Document" } (components::store_error(&error)) };
            return view(body).respond(state, StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    let held = Held::read(state).await;
    let known = outbox::parties(state, std::slice::from_ref(&document.row)).await;
    let again = audit::of_document(state, id).await;
    let shown = body(state, &document, &known, &again, &held);
    view(shown).respond(state, StatusCode::OK)
}

const fn view(body: Markup) -> View<'static> {
    View::new("Document", "/outbox", body)
}

fn body(
    state: &AdminState,
    document: &DocumentDetail,
    known: &[CallParties],
    again: &Markup,
    held: &Held,
) -> Markup {
    let what = match document.row.kind {
        DeliveryKind::Document => "Document",
        DeliveryKind::Request => "Request",
        DeliveryKind::Event => "Event",
    };
    let row = &document.row;
    let now_ms = clock::now_ms();
    html! {
        div.row {
            h1 {
                (what)
                @if known.is_empty() { " to" } @else { " of " (document_rows::numbers(row, known)) ", to" }
                " webhook " (components::webhook_link(&row.endpoint))
            }
            (components::document_state(row, held))
        }
        dl.facts {
            div { dt { "Made" } dd { (format::date_time(row.inserted_ms, state.time_zone)) } }
            div { dt { "Attempts" } dd { (row.attempts) (document_rows::due(row, held, now_ms)) } }
            div { dt { "Size" } dd { (format::bytes(row.body_bytes)) } }
            div { dt { "webhook-id" } dd.id { (row.webhook_id) } }
            div { dt { "Call" } dd.id { a href=(address(&["calls", &row.call_uuid], &[])) { (row.call_uuid) } } }
        }
        (replay::button(state, &row.webhook_id))
        (history(state, &document.attempts))
        (again)
        (request(state, &document.content))
    }
}

fn history(state: &AdminState, attempts: &[Attempt]) -> Markup {
    html! {
        section aria-labelledby="attempts" {
            h2 #attempts { "Attempts" }
            @if attempts.is_empty() {
                p.empty { "No attempt yet." }
            } @else {
                section.scroll tabindex="0" aria-label="Table of the attempts" {
                    table {
                        thead { tr { th scope="col" { "At" } th.number scope="col" { "Took" } th scope="col" { "Outcome" } } }
                        tbody {
                            @for attempt in attempts {
                                tr {
                                    td { (format::date_time(attempt.started_ms, state.time_zone)) }
                                    td.number { (format::duration(attempt.took_ms.unsigned_abs() * 1_000)) }
                                    td { (state.mask.text(&outcome(attempt))) }
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

fn request(state: &AdminState, content: &RequestContent) -> Markup {
    let url = content.url.as_deref().map(|url| {
        url::Url::parse(url).map_or_else(
            |_| switchhook_core::secret::REDACTED.to_owned(),
            |url| redact::url(&url).into_owned(),
        )
    });
    let url = url.map(|url| state.mask.text(&url));
    html! {
        section aria-labelledby="request" {
            h2 #request { "Request" }
            pre tabindex="0" aria-label="Request line and headers" {
                (content.method.as_deref().unwrap_or("POST")) " " (url.as_deref().unwrap_or("(the webhook's URL)")) "\n"
                @for (name, value) in &content.headers { (name) ": " (state.mask.text(redact::header(name, value))) "\n" }
            }
            pre tabindex="0" aria-label="Body" { (state.mask.text(&text(&content.body))) }
        }
    }
}

/// Indents a JSON body; returns any other body as it is.
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
