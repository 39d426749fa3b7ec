//! Sending documents again: how many it would be, and then doing it. Only the second changes
//! something; the guard before all pages lets it through with the token alone.

use std::time::Duration;

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::info;

use switchhook_store::{Filter, StoreError};

use super::http::Ops;
use super::page::{View, outbox};

/// Why a button is off.
pub(crate) const NEEDS_TOKEN: &str =
    "Off until [listen] http_token_env is set: then it asks for that token.";

/// Documents that are sent again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Meant {
    /// One, by its `webhook-id`; empty: those that the rest means.
    id: String,
    #[serde(flatten)]
    filter: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    state: String,
    webhook: String,
}

impl Meant {
    fn filter(&self) -> Filter {
        if !self.id.is_empty() {
            return Filter {
                ids: vec![self.id.clone()],
                ..Filter::default()
            };
        }
        let query = outbox::Query {
            state: self.filter.state.clone(),
            webhook: self.filter.webhook.clone(),
            from: None,
        };
        query.filter()
    }
}

/// The dry run: how many it would be.
pub(crate) async fn ask(State(ops): State<Ops>, Query(meant): Query<Meant>) -> Response {
    let count = ops.store.count_replayable(&meant.filter()).await;
    let body = html! {
        h1 { "Send again" }
        @match &count {
            Err(error) => p.notice { (error) },
            Ok(0) => p.empty { "No document fits: those being tried right now are left alone." },
            Ok(count) => {
                p { b { (count) (if *count == 1 { " document" } else { " documents" }) } " "
                    @if !meant.filter.webhook.is_empty() { "to " b { (meant.filter.webhook) } " " }
                    "would be sent again, with the same id and the same bytes; a paused webhook goes on. Nothing is changed yet." }
                (form(&ops, &meant, &format!("Send {count} again")))
            },
        }
        p { a href="/outbox" { "Back to the outbox" } }
    };
    let view = View {
        title: "Send again",
        here: "/outbox",
        search: "",
        body,
    };
    view.respond(&ops, StatusCode::OK)
}

/// The button for one document.
pub(crate) fn button(ops: &Ops, id: &str) -> Markup {
    let meant = Meant {
        id: id.to_owned(),
        ..Meant::default()
    };
    form(ops, &meant, "Send again")
}

/// Sent by the page's script, which adds the token: no browser does by itself.
fn form(ops: &Ops, meant: &Meant, name: &str) -> Markup {
    if !ops.may_change {
        return html! {
            p.replay {
                button disabled aria-describedby="why" { (name) }
                span #why.quiet { (NEEDS_TOKEN) " On the command line: " code { (command(meant)) } }
            }
        };
    }
    html! {
        form.replay method="post" action="/outbox/replay" data-token {
            input type="hidden" name="id" value=(meant.id);
            input type="hidden" name="state" value=(meant.filter.state);
            input type="hidden" name="webhook" value=(meant.filter.webhook);
            label for="token" { "Token" }
            input #token type="password" autocomplete="off" required;
            button { (name) }
            noscript { p { "This needs scripts. On the command line: " code { (command(meant)) } } }
            p.said role="status" {}
        }
    }
}

fn command(meant: &Meant) -> String {
    let mut command = String::from("switchhook outbox retry");
    let options = [
        ("", &meant.id),
        ("--webhook ", &meant.filter.webhook),
        ("--state ", &meant.filter.state),
    ];
    for (option, value) in options.iter().filter(|(_, value)| !value.is_empty()) {
        command = format!("{command} {option}{value}");
    }
    command
}

/// Does it; one sentence says what was done.
pub(crate) async fn act(State(ops): State<Ops>, Form(meant): Form<Meant>) -> Response {
    if !ops.may_change {
        let said = "nothing can be changed over HTTP; set [listen] http_token_env to allow it";
        return (StatusCode::FORBIDDEN, said).into_response();
    }
    let (status, said) = match send(&ops, &meant).await {
        Ok(count) => {
            info!(
                documents = count,
                id = meant.id,
                webhook = meant.filter.webhook,
                "sent again from the page"
            );
            let word = if count == 1 { "document" } else { "documents" };
            (
                StatusCode::OK,
                format!("{count} {word} will be sent again."),
            )
        }
        Err(error @ StoreError::NoSuchDocument { .. }) => {
            (StatusCode::NOT_FOUND, error.to_string())
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    };
    (status, said).into_response()
}

async fn send(ops: &Ops, meant: &Meant) -> Result<u64, StoreError> {
    if !meant.id.is_empty() {
        ops.store.document(&meant.id).await?;
    }
    ops.store.replay(meant.filter(), Duration::ZERO).await
}
