//! What is still to be delivered, and what nobody took.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::format;
use crate::http::Ops;
use switchhook_core::clock;
use switchhook_store::{Backlog, DocumentRow, Filter, Parties, State};

use super::components::Paused;
use super::{View, components, unread};

/// Documents of a page.
const PAGE: u32 = 100;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Query {
    /// A state's word; empty for those that are not delivered.
    pub state: String,
    /// A webhook's name; empty for all.
    pub webhook: String,
    /// Frozen at or after this, ms since 1970: the next page.
    pub from: Option<i64>,
}

impl Query {
    /// Documents that it means.
    pub(crate) fn filter(&self) -> Filter {
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
pub(crate) async fn respond(ops: &Ops, query: &Query) -> Response {
    let backlogs = ops.store.backlogs().await;
    let documents = ops.store.documents(&query.filter(), PAGE).await;
    let known = parties(ops, documents.as_deref().unwrap_or_default()).await;
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
        (filters(query, backlogs.as_deref().unwrap_or_default()))
        @match &documents {
            Err(error) => (unread(error)),
            Ok(documents) => (list(ops, query, (documents, &known), &paused)),
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
    let now_ms = clock::now_ms();
    html! {
        @if backlogs.is_empty() {
            p.empty { "Everything is delivered." }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Backlog of each webhook" {
                table {
                    thead { tr {
                        th scope="col" { "Webhook" } th.number scope="col" { "Waiting" }
                        th.number scope="col" { "Being tried" } th.number scope="col" { "Given up" }
                        th scope="col" { "Oldest" } th scope="col" { "Paused" }
                    } }
                    tbody {
                        @for one in backlogs {
                            tr {
                                th scope="row" { a href={ "/outbox?webhook=" (one.endpoint) } { (one.endpoint) } }
                                td.number { (one.waiting) }
                                td.number { (one.leased) }
                                td.number { (one.dead) }
                                td { (one.oldest_ms.map(|ms| format::away(ms, now_ms)).unwrap_or_default()) }
                                td { (one.paused.as_deref().unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn filters(query: &Query, backlogs: &[Backlog]) -> Markup {
    let own = |one: &&Backlog| query.webhook.is_empty() || one.endpoint == query.webhook;
    let count = |of: fn(&Backlog) -> u64| backlogs.iter().filter(own).map(of).sum::<u64>();
    let (waiting, leased, dead) = (
        count(|one| one.waiting),
        count(|one| one.leased),
        count(|one| one.dead),
    );
    let states = [
        ("", "Not delivered", Some(waiting + leased + dead)),
        ("waiting", "Waiting", Some(waiting)),
        ("dead", "Given up (dead letters)", Some(dead)),
        ("delivered", "Delivered", None),
    ];
    html! {
        p.filters {
            @for (word, name, count) in states {
                a href=(query.address("/outbox", word, None)) aria-current=[(word == query.state).then_some("true")] {
                    (name) @if let Some(count) = count { " " (count) }
                }
            }
            @if !query.webhook.is_empty() {
                span { "of " b { (query.webhook) } " " a href={ "/outbox?state=" (query.state) } { "(of all)" } }
            }
        }
    }
}

/// Documents, and who called whom in their calls.
type Listed<'l> = (&'l [DocumentRow], &'l [Parties]);

fn list(ops: &Ops, query: &Query, (documents, known): Listed<'_>, paused: Paused<'_>) -> Markup {
    let full = u32::try_from(documents.len()).is_ok_and(|count| count >= PAGE);
    let next = documents
        .last()
        .filter(|_| full)
        .map(|last| last.inserted_ms);
    html! {
        @if documents.is_empty() {
            p.empty { "No document fits." }
        } @else {
            (rows(ops, documents, known, paused))
            p.actions {
                (again(query))
                @if next.is_some() {
                    a.button href=(query.address("/outbox", &query.state, next)) rel="next" { "Later ones" }
                }
            }
        }
    }
}

/// Leads to the dry run. What was delivered is seldom to be sent once more.
fn again(query: &Query) -> Markup {
    let address = query.address("/outbox/replay", &query.state, None);
    html! {
        @if query.state == State::Delivered.as_str() {
            a.again href=(address) { "Send what was delivered once more …" }
        } @else {
            a.button.again href=(address) { "Send these again …" }
        }
    }
}

/// Who called whom in the calls of these documents.
pub(crate) async fn parties(ops: &Ops, documents: &[DocumentRow]) -> Vec<Parties> {
    let uuids: Vec<&str> = documents.iter().map(|one| one.call_uuid.as_str()).collect();
    // Without them a row says less.
    let mut known = ops.store.parties(&uuids).await.unwrap_or_default();
    let running = ops
        .live_calls
        .runs(usize::MAX, |run| uuids.contains(&run.uuid.as_str()));
    known.extend(running.iter().map(|run| Parties {
        call_uuid: run.uuid.clone(),
        caller: run.caller.clone(),
        called: run.called.clone(),
    }));
    for one in &mut known {
        one.caller = ops.mask.number(&one.caller);
        one.called = ops.mask.number(&one.called);
    }
    known
}

/// Whose call a document is about.
pub(crate) fn whose(document: &DocumentRow, known: &[Parties]) -> Markup {
    let parties = known.iter().find(|one| one.call_uuid == document.call_uuid);
    html! {
        @if let Some(Parties { caller, called, .. }) = parties {
            (components::or_dash(caller)) span.arrow aria-label="to" { " → " } (components::or_dash(called))
        }
    }
}

/// Documents in a list, each with its last outcome.
pub(crate) fn rows(
    ops: &Ops,
    documents: &[DocumentRow],
    known: &[Parties],
    paused: Paused<'_>,
) -> Markup {
    let now_ms = clock::now_ms();
    html! {
        ul.calls {
            @for one in documents {
                li {
                    div.row {
                        time.clock title=(format::moment(one.inserted_ms, ops.time_zone)) {
                            (format::when(one.inserted_ms, now_ms, ops.time_zone))
                        }
                        a.parties href={ "/outbox/" (one.webhook_id) } { (whose(one, known)) " to " (one.endpoint) }
                        (components::state(one, paused))
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
        Some(due) => format!("{attempts}, next {}", format::away(due, now_ms)),
        None => attempts,
    }
}
