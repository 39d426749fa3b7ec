//! The pages that send documents again or discard them: first a dry run with the number, then the
//! change.
//!
//! Only a POST changes something. The guard before all routes requires the token for it.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use tracing::info;

use switchhook_store::{DocumentRow, DocumentState, StoreError};

use crate::state::AdminState;

use super::change_form::{self, ChangeForm};
use super::layout::View;
use super::selection::Selection;

/// Responds with the dry run: the number of documents.
pub(crate) async fn dry_run_page(
    State(state): State<AdminState>,
    RawQuery(query): RawQuery,
) -> Response {
    let selection = Selection::parse(query.as_deref().unwrap_or_default());
    let count = state.store.count_replayable(&selection.filter()).await;
    let body = html! {
        h1 { "Send again" }
        @match &count {
            Err(error) => p.notice { (error) },
            Ok(0) => p.empty { "No document matches. Documents that are being sent right now are not sent again." },
            Ok(count) => {
                p { b { (documents(*count)) } " "
                    @if !selection.webhook.is_empty() { "to " b { (selection.webhook) } " " }
                    "would be sent again, with the same id and the same bytes. A paused webhook is resumed. Nothing is changed yet." }
                (form(&state, &selection, &format!("Send {count} again")))
            },
        }
        (back())
    };
    View::new("Send again", "/outbox", body).respond(&state, StatusCode::OK)
}

fn back() -> Markup {
    html! { p { a href="/outbox" { "Back to the outbox" } } }
}

fn documents(count: u64) -> String {
    let word = if count == 1 { "document" } else { "documents" };
    format!("{count} {word}")
}

/// Makes the button for one document.
pub(crate) fn button(state: &AdminState, id: &str) -> Markup {
    form(state, &Selection::one(id), "Send again")
}

fn form(state: &AdminState, selection: &Selection, name: &str) -> Markup {
    let form = ChangeForm {
        action: "/outbox/replay",
        fields: selection.fields(),
        button: name,
        command: Some(selection.retry_command()),
    };
    form.make(state)
}

/// Sends the documents again and responds with a sentence.
pub(crate) async fn send(State(state): State<AdminState>, body: String) -> Response {
    if !state.changes_allowed() {
        return change_form::refused();
    }
    let selection = Selection::parse(&body);
    match replay(&state, &selection).await {
        Ok(count) => {
            info!(
                documents = count,
                ids = selection.ids.join(" "),
                webhook = selection.webhook,
                "documents are sent again from the page"
            );
            format!("{} will be sent again.", documents(count)).into_response()
        }
        Err(error) => change_form::failed(&error),
    }
}

async fn replay(state: &AdminState, selection: &Selection) -> Result<u64, StoreError> {
    for id in &selection.ids {
        state.store.document(id).await?;
    }
    state.store.replay(selection.filter(), Duration::ZERO).await
}

/// Responds with what discarding the selected documents would do.
pub(crate) async fn discard_page(
    State(state): State<AdminState>,
    RawQuery(query): RawQuery,
) -> Response {
    let selection = Selection::parse(query.as_deref().unwrap_or_default());
    let found = if selection.ids.is_empty() {
        Ok(Vec::new())
    } else {
        let limit = u32::try_from(selection.ids.len()).unwrap_or(u32::MAX);
        state.store.documents(&selection.filter(), limit).await
    };
    let body = html! {
        h1 { "Discard" }
        @match &found {
            Err(error) => p.notice { (error) },
            Ok(found) => (discard_form(&state, &selection, found)),
        }
        (back())
    };
    View::new("Discard", "/outbox", body).respond(&state, StatusCode::OK)
}

fn discard_form(state: &AdminState, selection: &Selection, found: &[DocumentRow]) -> Markup {
    let count = |states: &[DocumentState]| {
        let of = found
            .iter()
            .filter(|document| states.contains(&document.state));
        of.count() as u64
    };
    let waiting = count(&[DocumentState::Waiting]);
    let kept = count(&[DocumentState::Dead, DocumentState::Expired]);
    let form = ChangeForm {
        action: "/outbox/discard",
        fields: selection.fields(),
        button: &format!("Discard {}", waiting + kept),
        command: None,
    };
    html! {
        @if waiting + kept == 0 {
            p.empty { "No selected document can be discarded. Delivered ones, and those that are being sent, stay as they are." }
        } @else {
            @if waiting > 0 { p { b { (documents(waiting)) } " would be given up: not sent any more, and kept as a dead letter." } }
            @if kept > 0 { p { b { (documents(kept)) } " would be deleted for good: given up before." } }
            p { "Nothing is changed yet." }
            (form.make(state))
        }
    }
}

/// Discards the documents and responds with a sentence.
pub(crate) async fn discard(State(state): State<AdminState>, body: String) -> Response {
    if !state.changes_allowed() {
        return change_form::refused();
    }
    let selection = Selection::parse(&body);
    match state.store.discard(selection.ids.clone()).await {
        Ok(discarded) => {
            let (given_up, deleted) = (discarded.given_up, discarded.deleted);
            let ids = selection.ids.join(" ");
            info!(
                given_up,
                deleted, ids, "documents are discarded from the page"
            );
            format!("{given_up} given up, {deleted} deleted.").into_response()
        }
        Err(error) => change_form::failed(&error),
    }
}
