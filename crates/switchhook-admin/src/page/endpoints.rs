//! Endpoints that are slowed down or paused: since when, why, the next attempt, and a button.

use std::time::Duration;

use axum::extract::Form;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::audit;
use crate::endpoint_status::FailingEndpoint;
use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_core::shell;
use switchhook_store::EndpointBacklog;

use super::change_form::{self, ChangeForm};
use super::components;
use super::held::Held;

/// Makes the list of endpoints that are slowed down or paused, above all documents.
pub(crate) fn panel(state: &AdminState, held: &Held, backlogs: &[EndpointBacklog]) -> Markup {
    let waiting = |name: &str| backlogs.iter().find(|backlog| backlog.endpoint == name);
    let slowed = held.all_slowed().filter(|(name, _)| !held.is_paused(name));
    html! {
        @if !held.is_empty() {
            section.stuck aria-label="Endpoints that are slowed down or paused" {
                @for paused in held.all_paused() { (paused_card(state, paused)) }
                @for (name, failing) in slowed { (slowed_card(state, name, failing, waiting(name))) }
            }
        }
    }
}

fn paused_card(state: &AdminState, paused: &EndpointBacklog) -> Markup {
    html! {
        article.card.bad data-endpoint=(paused.endpoint) {
            div.row {
                (components::webhook_link(&paused.endpoint))
                span.pill.bad { "paused" }
                (since(state, paused.paused_since_ms))
                span.end { (button(state, &paused.endpoint, "resume", "Resume")) }
            }
            p.why { (state.mask.text(paused.paused.as_deref().unwrap_or_default())) }
            p.quiet { "Next attempt: none until it is resumed. " (backlog(Some(paused))) }
        }
    }
}

fn slowed_card(
    state: &AdminState,
    name: &str,
    failing: &FailingEndpoint,
    waiting: Option<&EndpointBacklog>,
) -> Markup {
    html! {
        article.card.odd data-endpoint=(name) {
            div.row {
                (components::webhook_link(name))
                span.pill.odd { "slowed down" }
                (since(state, Some(failing.since_ms)))
                span.quiet { (failing.failures) (if failing.failures == 1 { " failure" } else { " failures in a row" }) }
                span.end { (button(state, name, "try", "Try now")) }
            }
            p.why { (state.mask.text(&failing.last_result)) }
            p.quiet {
                "Next attempt: " (next_attempt(failing, clock::now_ms()))
                @if !failing.pause.is_zero() { "; one every " (format::rounded(failing.pause)) " while it fails" }
                ". The first success sends the rest. " (backlog(waiting))
            }
        }
    }
}

/// Makes the time of the next attempt to a slowed endpoint.
pub(crate) fn next_attempt(failing: &FailingEndpoint, now_ms: i64) -> Markup {
    let left = failing
        .next_ms
        .map(|next_ms| next_ms.saturating_sub(now_ms));
    html! {
        @match left.and_then(|left| u64::try_from(left).ok()).filter(|left| *left > 0) {
            Some(left) => { "in " span data-left=(left) { (format::rounded(Duration::from_millis(left))) } },
            None => "as soon as a document is due",
        }
    }
}

fn since(state: &AdminState, since_ms: Option<i64>) -> Markup {
    let now_ms = clock::now_ms();
    html! {
        @if let Some(since_ms) = since_ms {
            span {
                "since " time title=(format::date_time(since_ms, state.time_zone)) { (format::time_or_date(since_ms, now_ms, state.time_zone)) }
                span.quiet { ", " (format::relative(since_ms, now_ms)) }
            }
        }
    }
}

fn backlog(backlog: Option<&EndpointBacklog>) -> Markup {
    let now_ms = clock::now_ms();
    html! {
        @if let Some(EndpointBacklog { waiting, oldest_ms, .. }) = backlog {
            (waiting) (if *waiting == 1 { " document waits" } else { " documents wait" })
            @if let Some(oldest) = oldest_ms { ", the oldest since " (format::rounded(Duration::from_millis(now_ms.saturating_sub(*oldest).unsigned_abs()))) }
            "."
        }
    }
}

fn button(state: &AdminState, endpoint: &str, action: &str, name: &str) -> Markup {
    let command = match action {
        "resume" => ["switchhook", "outbox", "resume", endpoint].to_vec(),
        _ => ["switchhook", "outbox", "retry", "--webhook", endpoint].to_vec(),
    };
    let form = ChangeForm {
        action: "/outbox/endpoint",
        fields: html! {
            input type="hidden" name="endpoint" value=(endpoint);
            input type="hidden" name="action" value=(action);
        },
        button: name,
        command: Some(shell::command(command)),
    };
    form.small(state)
}

/// What a button of an endpoint posts.
#[derive(Debug, Deserialize)]
pub(crate) struct EndpointAction {
    endpoint: String,
    action: String,
}

/// Resumes an endpoint, or lets it be tried now, and responds with a sentence.
pub(crate) async fn act(state: AdminState, Form(wanted): Form<EndpointAction>) -> Response {
    let EndpointAction { endpoint, action } = wanted;
    let done = match action.as_str() {
        "resume" => state.store.resume(&endpoint).await.map(|was_paused| {
            if was_paused {
                "Resumed."
            } else {
                "It is not paused."
            }
        }),
        _ => state
            .store
            .try_now(&endpoint)
            .await
            .map(|()| "It is tried now."),
    };
    match done {
        Ok(sentence) => {
            let what = if action == "resume" {
                "resume"
            } else {
                "try now"
            };
            audit::done(&state, what, &endpoint, sentence).await;
            sentence.into_response()
        }
        Err(error) => change_form::failed(&error),
    }
}
