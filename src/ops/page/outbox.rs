//! What is still to be delivered, and what nobody took.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::board;
use crate::ops::http::Ops;
use crate::ops::words;
use crate::store::{Backlog, DocumentRow, Filter, State};

use super::pieces::Paused;
use super::{View, pieces, unread};

/// Documents of a page.
const PAGE: u32 = 100;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    /// A state's word; empty for those that are not delivered.
    pub state: String,
    /// A webhook's name; empty for all.
    pub webhook: String,
    /// Frozen at or after this, ms since 1970: the next page.
    pub from: Option<i64>,
}

impl Query {
    /// Documents that it means.
    pub fn filter(&self) -> Filter {
        let states = match self.state.parse() {
            Ok(state) => vec![state],
            Err(_) => vec![State::Waiting, State::Leased, State::Dead],
        };
        Filter {
            states,
            endpoint: Some(self.webhook.clone()).filter(|name| !name.is_empty()),
            from_ms: self.from,
            ..Filter::default()
        }
    }

    fn address(&self, path: &str, state: &str, from: Option<i64>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("state", state);
        query.append_pair("webhook", &self.webhook);
        if let Some(from) = from {
            query.append_pair("from", &from.to_string());
        }
        format!("{path}?{}", query.finish())
    }
}

/// The view.
pub async fn respond(ops: &Ops, query: &Query) -> Response {
    let backlogs = ops.store.backlogs().await;
    let documents = ops.store.documents(&query.filter(), PAGE).await;
    let paused = |name: &str| {
        let mut all = backlogs.iter().flatten();
        all.any(|one| one.endpoint == name && one.paused.is_some())
    };
    let body = html! {
        h1 { "Outbox" }
        @match &backlogs {
            Err(error) => (unread(error)),
            Ok(backlogs) => (summary(backlogs)),
        }
        (filters(query))
        @match &documents {
            Err(error) => (unread(error)),
            Ok(documents) => (list(ops, query, documents, &paused)),
        }
    };
    let view = View {
        title: "Outbox",
        here: "/outbox",
        search: "",
        body,
    };
    view.respond(ops, StatusCode::OK)
}

fn summary(backlogs: &[Backlog]) -> Markup {
    let now_ms = board::now_ms();
    html! {
        @if backlogs.is_empty() {
            p.empty { "Everything is delivered." }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Backlog of each webhook" {
                table {
                    thead { tr {
                        th scope="col" { "Webhook" } th.number scope="col" { "Waiting" }
                        th.number scope="col" { "Being tried" } th.number scope="col" { "Dead" }
                        th scope="col" { "Oldest" } th scope="col" { "Paused" }
                    } }
                    tbody {
                        @for one in backlogs {
                            tr {
                                th scope="row" { a href={ "/outbox?webhook=" (one.endpoint) } { (one.endpoint) } }
                                td.number { (one.waiting) }
                                td.number { (one.leased) }
                                td.number { (one.dead) }
                                td { (one.oldest_ms.map(|ms| words::away(ms, now_ms)).unwrap_or_default()) }
                                td { (one.paused.as_deref().unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn filters(query: &Query) -> Markup {
    let states = [
        ("", "Not delivered"),
        ("waiting", "Waiting"),
        ("dead", "Dead"),
        ("delivered", "Delivered"),
    ];
    html! {
        p.filters {
            @for (word, name) in states {
                a href=(query.address("/outbox", word, None)) aria-current=[(word == query.state).then_some("true")] { (name) }
            }
            @if !query.webhook.is_empty() {
                span { "of " b { (query.webhook) } " " a href={ "/outbox?state=" (query.state) } { "(of all)" } }
            }
        }
    }
}

fn list(ops: &Ops, query: &Query, documents: &[DocumentRow], paused: Paused<'_>) -> Markup {
    let full = u32::try_from(documents.len()).is_ok_and(|count| count >= PAGE);
    let next = documents
        .last()
        .filter(|_| full)
        .map(|last| last.inserted_ms);
    html! {
        @if documents.is_empty() {
            p.empty { "No document fits." }
        } @else {
            (rows(ops, documents, paused))
            p.actions {
                a.button href=(query.address("/outbox/replay", &query.state, None)) { "Send these again …" }
                @if next.is_some() {
                    a.button href=(query.address("/outbox", &query.state, next)) rel="next" { "Later ones" }
                }
            }
        }
    }
}

/// Documents in a list, each with its last outcome.
pub fn rows(ops: &Ops, documents: &[DocumentRow], paused: Paused<'_>) -> Markup {
    let now_ms = board::now_ms();
    html! {
        ul.calls {
            @for one in documents {
                li {
                    div.row {
                        time.clock title=(words::moment(one.inserted_ms, ops.time_zone)) {
                            (words::clock(one.inserted_ms, ops.time_zone))
                        }
                        a.parties href={ "/outbox/" (one.webhook_id) } { "to " (one.endpoint) }
                        (pieces::state(one, paused))
                        span.end.quiet { (next(one, paused, now_ms)) }
                    }
                    @if !one.last_result.is_empty() && one.state != State::Delivered {
                        p.why { (one.last_result) }
                    }
                }
            }
        }
    }
}

fn next(one: &DocumentRow, paused: Paused<'_>, now_ms: i64) -> String {
    let attempts = match one.attempts {
        0 => "not tried yet".to_owned(),
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    let waits = one.state == State::Waiting && !paused(&one.endpoint);
    match one.due_ms.filter(|_| waits) {
        Some(due) => format!("{attempts}, next {}", words::away(due, now_ms)),
        None => attempts,
    }
}
