//! The pages that send documents again or discard them: first a dry run with the number, then the
//! change.
//!
//! Only a POST changes something. The gate before it admits operators alone.

use std::time::Duration;

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use switchhook_store::{Discarded, DocumentRow, DocumentState, StoreError};

use crate::audit;
use crate::state::AdminState;

use super::change_form::{self, ChangeForm};
use super::layout::View;
use super::selection::Selection;
use super::visible;

/// Responds with the dry run: the number of documents.
pub(crate) async fn dry_run_page(state: AdminState, RawQuery(query): RawQuery) -> Response {
    let selection = Selection::parse(query.as_deref().unwrap_or_default());
    let filter = selection.filter(&state.access);
    let count = state.store.count_replayable(&filter).await;
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
pub(crate) async fn send(state: AdminState, body: String) -> Response {
    let selection = Selection::parse(&body);
    match replay(&state, &selection).await {
        Ok(count) => {
            let message = format!("{} will be sent again.", documents(count));
            audit::done(&state, "resend", &selection.target(), &message).await;
            message.into_response()
        }
        Err(error) => change_form::failed(&error),
    }
}

async fn replay(state: &AdminState, selection: &Selection) -> Result<u64, StoreError> {
    for id in &selection.ids {
        visible::document(state, id).await?;
    }
    let filter = selection.filter(&state.access);
    state.store.replay(filter, Duration::ZERO).await
}

/// Responds with what discarding the selected documents would do.
pub(crate) async fn discard_page(state: AdminState, RawQuery(query): RawQuery) -> Response {
    let selection = Selection::parse(query.as_deref().unwrap_or_default());
    let found = if selection.ids.is_empty() {
        Ok(Vec::new())
    } else {
        let limit = u32::try_from(selection.ids.len()).unwrap_or(u32::MAX);
        let filter = selection.filter(&state.access);
        state.store.documents(&filter, limit).await
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
pub(crate) async fn discard(state: AdminState, body: String) -> Response {
    let selection = Selection::parse(&body);
    match discard_selected(&state, &selection).await {
        Ok(Discarded { given_up, deleted }) => {
            let message = format!("{given_up} given up, {deleted} deleted.");
            audit::done(&state, "discard", &selection.target(), &message).await;
            message.into_response()
        }
        Err(error) => change_form::failed(&error),
    }
}

async fn discard_selected(
    state: &AdminState,
    selection: &Selection,
) -> Result<Discarded, StoreError> {
    for id in &selection.ids {
        visible::document(state, id).await?;
    }
    state.store.discard(selection.ids.clone()).await
}
