//! The page that sends documents again: first a dry run with the number, then the replay.
//!
//! Only the POST changes something. The gate before it admits operators alone.

use std::time::Duration;

use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;

use switchhook_store::{DocumentFilter, StoreError};

use crate::access::Access;
use crate::audit;
use crate::state::AdminState;
use switchhook_core::shell;

use super::components;
use super::layout::View;
use super::outbox;

/// The documents to send again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReplaySelection {
    /// The `webhook-id` of one document; empty for those that the filter matches.
    id: String,
    #[serde(flatten)]
    filter: SelectionParams,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SelectionParams {
    state: String,
    webhook: String,
}

impl ReplaySelection {
    fn filter(&self, access: &Access) -> DocumentFilter {
        if !self.id.is_empty() {
            return DocumentFilter {
                ids: vec![self.id.clone()],
                accounts: access.accounts().cloned(),
                ..DocumentFilter::default()
            };
        }
        let query = outbox::OutboxParams {
            state: self.filter.state.clone(),
            webhook: self.filter.webhook.clone(),
            from: None,
        };
        query.filter(access)
    }
}

impl ReplaySelection {
    /// Returns the words of the selection for the audit.
    fn target(&self) -> String {
        let SelectionParams { state, webhook } = &self.filter;
        let words = [&self.id, webhook, state]
            .into_iter()
            .filter(|word| !word.is_empty());
        let words: Vec<&str> = words.map(String::as_str).collect();
        if words.is_empty() {
            "what is not delivered".into()
        } else {
            words.join(" ")
        }
    }
}

/// Responds with the dry run: the number of documents.
pub(crate) async fn dry_run_page(
    state: AdminState,
    Query(selection): Query<ReplaySelection>,
) -> Response {
    let count = state
        .store
        .count_replayable(&selection.filter(&state.access))
        .await;
    let body = html! {
        h1 { "Send again" }
        @match &count {
            Err(error) => p.notice { (error) },
            Ok(0) => p.empty { "No document matches. Documents that are being sent right now are not sent again." },
            Ok(count) => {
                p { b { (count) (if *count == 1 { " document" } else { " documents" }) } " "
                    @if !selection.filter.webhook.is_empty() { "to " b { (selection.filter.webhook) } " " }
                    "would be sent again, with the same id and the same bytes. A paused webhook is resumed. Nothing is changed yet." }
                (form(&state, &selection, &format!("Send {count} again")))
            },
        }
        p { a href="/outbox" { "Back to the outbox" } }
    };
    View::new("Send again", "/outbox", body).respond(&state, StatusCode::OK)
}

/// Makes the button for one document.
pub(crate) fn button(state: &AdminState, id: &str) -> Markup {
    let selection = ReplaySelection {
        id: id.to_owned(),
        ..ReplaySelection::default()
    };
    form(state, &selection, "Send again")
}

/// Makes the form. The page's script sends it with the token, or with what proves that it is ours.
fn form(state: &AdminState, selection: &ReplaySelection, name: &str) -> Markup {
    if !state.changes_allowed() {
        return html! {
            p.replay {
                button type="submit" disabled aria-describedby="why" { (name) }
                span #why.quiet { (components::why_off(state)) " On the command line: " code { (command(selection)) } }
            }
        };
    }
    html! {
        form.replay method="post" action="/outbox/replay" data-token=(state.access.csrf().unwrap_or_default()) {
            input type="hidden" name="id" value=(selection.id);
            input type="hidden" name="state" value=(selection.filter.state);
            input type="hidden" name="webhook" value=(selection.filter.webhook);
            (components::credentials(state))
            button type="submit" { (name) }
            noscript { p { "This needs scripts. On the command line: " code { (command(selection)) } } }
            p.result role="status" {}
        }
    }
}

fn command(selection: &ReplaySelection) -> String {
    let filter = &selection.filter;
    let options = [
        ("", selection.id.as_str()),
        ("--webhook", &filter.webhook),
        ("--state", &filter.state),
    ];
    let given = options.into_iter().filter(|(_, value)| !value.is_empty());
    let words = given.flat_map(|(option, value)| [option, value]);
    let words = words.filter(|word| !word.is_empty());
    shell::command(["switchhook", "outbox", "retry"].into_iter().chain(words))
}

/// Sends the documents again and responds with a sentence.
pub(crate) async fn send(state: AdminState, Form(selection): Form<ReplaySelection>) -> Response {
    let (status, message) = match replay(&state, &selection).await {
        Ok(count) => {
            let word = if count == 1 { "document" } else { "documents" };
            let message = format!("{count} {word} will be sent again.");
            audit::done(&state, "resend", &selection.target(), &message).await;
            (StatusCode::OK, message)
        }
        Err(error @ StoreError::NoSuchDocument { .. }) => {
            (StatusCode::NOT_FOUND, error.to_string())
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    };
    (status, message).into_response()
}

async fn replay(state: &AdminState, selection: &ReplaySelection) -> Result<u64, StoreError> {
    if !selection.id.is_empty() {
        outbox::visible(state, &selection.id).await?;
    }
    let filter = selection.filter(&state.access);
    state.store.replay(filter, Duration::ZERO).await
}
