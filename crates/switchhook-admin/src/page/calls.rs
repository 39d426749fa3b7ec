//! The view of the list of calls, with the search.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::address::address;
use crate::call_entry::CallEntry;
use crate::calls::{self, CallQuery, PAGE};
use crate::search::Search;
use crate::state::AdminState;
use switchhook_core::clock;

use super::components;
use super::layout::View;

/// The query string of `/calls`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CallsParams {
    q: String,
    line: Option<u8>,
    webhook: String,
    reason: String,
    before: Option<i64>,
}

impl CallsParams {
    fn text(&self) -> String {
        self.q.trim().chars().take(200).collect()
    }

    fn query(&self) -> CallQuery {
        let named = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        CallQuery {
            search: Search::parse(&self.text()),
            line_1: self.line == Some(1),
            webhook: named(&self.webhook),
            reason: named(&self.reason),
            before: self.before,
            limit: PAGE,
        }
    }

    fn address(&self, line: &str, before: Option<i64>) -> String {
        let before = before.map(|before| before.to_string()).unwrap_or_default();
        let pairs = [
            ("q", &*self.text()),
            ("webhook", &self.webhook),
            ("reason", &self.reason),
            ("line", line),
            ("before", &before),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        format!("/calls?{}", query.finish())
    }
}

/// Responds with the calls that match.
pub(crate) async fn respond(state: &AdminState, params: &CallsParams) -> Response {
    let found = calls::find_calls(state, &params.query()).await;
    let body = html! {
        (heading(params))
        @match &found {
            Err(error) => (components::store_error(error)),
            Ok((calls, next)) => (list(state, calls, *next, params)),
        }
    };
    let view = View::new("Calls", "/calls", body);
    let text = params.text();
    view.search(&text).respond(state, StatusCode::OK)
}

fn heading(params: &CallsParams) -> Markup {
    let (text, line_1) = (params.text(), params.line == Some(1));
    html! {
        h1 {
            "Calls"
            @if !params.webhook.is_empty() { " that asked " (params.webhook) }
            @if !params.reason.is_empty() { ": " (params.reason) }
            @if !text.is_empty() { " with “" (text) "”" }
        }
        p.filters {
            a href=(params.address("", None)) aria-current=[(!line_1).then_some("true")] { "All" }
            a href=(params.address("1", None)) aria-current=[line_1.then_some("true")] { "Only line 1" }
            @if !params.webhook.is_empty() || !params.reason.is_empty() { a href="/calls" { "Every call" } }
        }
        (components::lines())
    }
}

fn list(
    state: &AdminState,
    calls: &[CallEntry],
    next: Option<i64>,
    params: &CallsParams,
) -> Markup {
    let line = if params.line == Some(1) { "1" } else { "" };
    html! {
        @if let ([only], None, Some(_)) = (calls, next, Search::parse(&params.text())) {
            p.found role="status" {
                "One call found: "
                a.button href=(address(&["calls", &only.uuid], &[])) autofocus { "Open it" }
            }
        }
        @if calls.is_empty() { (none_found(params)) }
        (components::calls(state, calls, clock::now_ms()))
        @if next.is_some() {
            p { a.button href=(params.address(line, next)) rel="next" { "Older calls" } }
        }
    }
}

fn none_found(params: &CallsParams) -> Markup {
    let is_number = params.text().chars().filter(char::is_ascii_digit).count() > 3;
    html! {
        p.empty {
            "No call found. "
            @if is_number { b { "Try the last 4-6 digits of the number. " } }
            @if params.line == Some(1) { a href=(params.address("", None)) { "Search both lines" } ". " }
            "The search covers the last 50,000 finished calls and the calls since: numbers (spaces, dashes and \
             the country code do not matter), UUIDs, webhooks, reasons, and flow variables (their value, \
             or name=value)."
        }
    }
}
