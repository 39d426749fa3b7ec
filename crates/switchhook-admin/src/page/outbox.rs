//! The view of the outbox: what is to be delivered, and what was given up.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::address::address;
use crate::access::Access;
use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_store::{CallParties, DocumentFilter, DocumentRow, DocumentState, EndpointBacklog};

use super::held::Held;
use super::layout::View;
use super::{components, document_rows, endpoints, visible};

/// Documents on one page.
const PAGE: u32 = 40;

/// The query string of `/outbox`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutboxParams {
    /// A state; empty for every document that is not delivered.
    pub state: String,
    /// A webhook's name; empty for all webhooks.
    pub webhook: String,
    /// Only documents frozen at or after this time, ms since 1970: the next page.
    pub from: Option<i64>,
}

impl OutboxParams {
    /// Returns the filter for the store.
    pub(crate) fn filter(&self, access: &Access) -> DocumentFilter {
        let states = match self.state.parse() {
            Ok(state) => vec![state],
            Err(_) => vec![
                DocumentState::Waiting,
                DocumentState::Leased,
                DocumentState::Dead,
            ],
        };
        DocumentFilter {
            states,
            endpoint: Some(self.webhook.clone()).filter(|name| !name.is_empty()),
            from_ms: self.from,
            accounts: access.accounts().cloned(),
            ..DocumentFilter::default()
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

/// Responds with the view.
pub(crate) async fn respond(state: &AdminState, params: &OutboxParams) -> Response {
    let backlogs = visible::backlogs(state).await;
    let filter = params.filter(&state.access);
    let documents = state.store.documents(&filter, PAGE).await;
    let known = parties(state, documents.as_deref().unwrap_or_default()).await;
    let all = backlogs.as_deref().unwrap_or_default();
    let held = Held::of(state, all);
    let body = html! {
        h1 { "Outbox" }
        (endpoints::panel(state, &held, all))
        @match &backlogs {
            Err(error) => (components::store_error(error)),
            Ok(backlogs) => (summary(backlogs)),
        }
        (filters(params, all))
        @match &documents {
            Err(error) => (components::store_error(error)),
            Ok(documents) => (list(state, params, (documents, &known), &held)),
        }
    };
    View::new("Outbox", "/outbox", body).respond(state, StatusCode::OK)
}

fn summary(backlogs: &[EndpointBacklog]) -> Markup {
    let now_ms = clock::now_ms();
    html! {
        @if backlogs.is_empty() {
            p.empty { "Everything is delivered." }
        } @else {
            section.scroll tabindex="0" aria-label="Backlog of each webhook" {
                table {
                    thead { tr {
                        th scope="col" { "Webhook" } th.number scope="col" { "Waiting" }
                        th.number scope="col" { "Being sent" } th.number scope="col" { "Given up" }
                        th scope="col" { "Oldest" }
                    } }
                    tbody {
                        @for backlog in backlogs {
                            tr {
                                th scope="row" { a href=(address(&["outbox"], &[("webhook", &backlog.endpoint)])) { (backlog.endpoint) } }
                                td.number { (backlog.waiting) }
                                td.number { (backlog.leased) }
                                td.number { (backlog.dead) }
                                td { (backlog.oldest_ms.map(|ms| format::relative(ms, now_ms)).unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn filters(params: &OutboxParams, backlogs: &[EndpointBacklog]) -> Markup {
    let own = |backlog: &&EndpointBacklog| {
        params.webhook.is_empty() || backlog.endpoint == params.webhook
    };
    let count = |of: fn(&EndpointBacklog) -> u64| backlogs.iter().filter(own).map(of).sum::<u64>();
    let (waiting, leased, dead) = (
        count(|backlog| backlog.waiting),
        count(|backlog| backlog.leased),
        count(|backlog| backlog.dead),
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
                a href=(params.address("/outbox", word, None)) aria-current=[(word == params.state).then_some("true")] {
                    (name) @if let Some(count) = count { " " (count) }
                }
            }
            @if !params.webhook.is_empty() {
                span { "of " b { (params.webhook) } " " a href=(address(&["outbox"], &[("state", &params.state)])) { "(of all)" } }
            }
        }
    }
}

/// Documents, and the numbers of their calls.
type Listed<'l> = (&'l [DocumentRow], &'l [CallParties]);

fn list(
    state: &AdminState,
    params: &OutboxParams,
    (documents, known): Listed<'_>,
    held: &Held,
) -> Markup {
    let full = u32::try_from(documents.len()).is_ok_and(|count| count >= PAGE);
    let next = documents
        .last()
        .filter(|_| full)
        .map(|last| last.inserted_ms);
    html! {
        @if documents.is_empty() {
            p.empty { "No document matches." }
        } @else {
            // A GET: it leads to the page that says what would be changed.
            form method="get" action="/outbox/replay" {
                (document_rows::selectable(state, documents, known, held))
                p.actions {
                    button.again type="submit" { "Send selected again …" }
                    button.again.plain type="submit" formaction="/outbox/discard" { "Discard selected …" }
                    (replay_link(params))
                    @if next.is_some() {
                        a.button href=(params.address("/outbox", &params.state, next)) rel="next" { "Next page" }
                    }
                }
            }
        }
    }
}

/// Makes the link to the dry run; for delivered documents it is no button, for they are seldom
/// sent again.
fn replay_link(params: &OutboxParams) -> Markup {
    let address = params.address("/outbox/replay", &params.state, None);
    html! {
        @if params.state == DocumentState::Delivered.as_str() {
            a.again href=(address) { "Send the delivered documents again …" }
        } @else {
            a.again href=(address) { "Send all of these again …" }
        }
    }
}

/// Returns caller and called number of the calls of these documents, masked.
pub(crate) async fn parties(state: &AdminState, documents: &[DocumentRow]) -> Vec<CallParties> {
    let uuids: Vec<&str> = documents
        .iter()
        .map(|document| document.call_uuid.as_str())
        .collect();
    // If the store fails, the rows show no numbers.
    let mut known = state.store.parties(&uuids).await.unwrap_or_default();
    let live = state
        .live_calls
        .lookups(usize::MAX, |lookup| uuids.contains(&lookup.uuid.as_str()));
    known.extend(live.iter().map(|lookup| CallParties {
        call_uuid: lookup.uuid.clone(),
        caller: lookup.caller.clone(),
        called: lookup.called.clone(),
    }));
    for parties in &mut known {
        parties.caller = state.mask.number(&parties.caller);
        parties.called = state.mask.number(&parties.called);
    }
    known
}
