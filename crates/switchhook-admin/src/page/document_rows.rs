//! Lists of documents: each with its state, when it is due, and its last outcome.

use std::time::Duration;

use maud::{Markup, html};

use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_store::{CallParties, DocumentRow, DocumentState};

use super::address::address;
use super::components;
use super::endpoints;
use super::held::Held;

/// Makes caller and called number of a document's call.
pub(crate) fn numbers(document: &DocumentRow, known: &[CallParties]) -> Markup {
    let parties = known
        .iter()
        .find(|parties| parties.call_uuid == document.call_uuid);
    html! {
        @if let Some(CallParties { caller, called, .. }) = parties {
            (components::or_dash(caller)) span.arrow role="img" aria-label="to" { " → " } (components::or_dash(called))
        }
    }
}

/// Makes a list of documents.
pub(crate) fn plain(
    state: &AdminState,
    documents: &[DocumentRow],
    known: &[CallParties],
    held: &Held,
) -> Markup {
    list(state, (documents, known), held, false)
}

/// Makes a list of documents, each with a checkbox, for a form around it.
pub(crate) fn selectable(
    state: &AdminState,
    documents: &[DocumentRow],
    known: &[CallParties],
    held: &Held,
) -> Markup {
    list(state, (documents, known), held, true)
}

fn list(
    state: &AdminState,
    (documents, known): (&[DocumentRow], &[CallParties]),
    held: &Held,
    selectable: bool,
) -> Markup {
    let now_ms = clock::now_ms();
    html! {
        ul.calls {
            @for document in documents {
                li data-key=(document.webhook_id) {
                    div.row {
                        @if selectable { (checkbox(document)) }
                        time.clock title=(format::date_time(document.inserted_ms, state.time_zone)) {
                            (format::time_or_date(document.inserted_ms, now_ms, state.time_zone))
                        }
                        a.parties href=(address(&["outbox", &document.webhook_id], &[])) {
                            @if let Some((sequence, event)) = document.sequence.zip(document.event.as_deref()) { (sequence) ". " (event) " " }
                            (numbers(document, known)) " to " (document.endpoint)
                        }
                        (components::document_state(document, held))
                        span.end.quiet { (attempts(document.attempts)) (due(document, held, now_ms)) }
                    }
                    (last_outcome(state, document, now_ms))
                }
            }
        }
    }
}

fn checkbox(document: &DocumentRow) -> Markup {
    let label = format!("Select the document to {}", document.endpoint);
    html! {
        input type="checkbox" name="id" value=(document.webhook_id) aria-label=(label) disabled[document.state == DocumentState::Leased];
    }
}

fn attempts(attempts: u32) -> String {
    match attempts {
        0 => "no attempt yet".to_owned(),
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    }
}

/// Makes when a document that waits is due, and what holds it up if it is due already.
pub(crate) fn due(document: &DocumentRow, held: &Held, now_ms: i64) -> Markup {
    let waits = document.state == DocumentState::Waiting;
    let endpoint = &document.endpoint;
    let span = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    html! {
        @if let Some(due_ms) = document.due_ms.filter(|_| waits) {
            @let late = now_ms.saturating_sub(due_ms);
            @if held.is_paused(endpoint) {
                ", waits until " (endpoint) " is resumed"
            } @else if late >= 0 {
                ", due for " span data-since=(late) { (format::rounded(span(late))) }
                @if let Some(failing) = held.slowed(endpoint) { "; " (endpoint) " is tried " (endpoints::next_attempt(failing, now_ms)) }
            } @else {
                ", next in " span data-left=(-late) { (format::rounded(span(late))) }
            }
        }
    }
}

fn last_outcome(state: &AdminState, document: &DocumentRow, now_ms: i64) -> Markup {
    let delivered = document.state == DocumentState::Delivered;
    let class = if delivered { "quiet" } else { "why" };
    html! {
        @if !document.last_result.is_empty() {
            p class=(class) {
                (state.mask.text(&document.last_result))
                @if let Some(last_ms) = document.last_ms { span.quiet { " · last attempt " (format::relative(last_ms, now_ms)) } }
            }
        }
    }
}
