//! The list of calls, and the search in it.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::calls::{self, PAGE, Told, Wanted};
use crate::http::Ops;
use crate::search::Search;
use switchhook_core::clock;

use super::{View, components, unread};

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Query {
    q: String,
    line: Option<u8>,
    webhook: String,
    reason: String,
    before: Option<i64>,
}

impl Query {
    fn text(&self) -> String {
        self.q.trim().chars().take(200).collect()
    }

    fn wanted(&self) -> Wanted {
        let named = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Wanted {
            search: Search::of(&self.text()),
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

/// The view of a search, or of everything.
pub(crate) async fn respond(ops: &Ops, query: &Query) -> Response {
    let found = calls::calls(ops, &query.wanted()).await;
    let body = html! {
        (heading(query))
        @match &found {
            Err(error) => (unread(error)),
            Ok((calls, next)) => (list(ops, calls, *next, query)),
        }
    };
    let view = View {
        title: "Calls",
        here: "/calls",
        search: &query.text(),
        body,
    };
    view.respond(ops, StatusCode::OK)
}

fn heading(query: &Query) -> Markup {
    let (text, line_1) = (query.text(), query.line == Some(1));
    html! {
        h1 {
            "Calls"
            @if !query.webhook.is_empty() { " that asked " (query.webhook) }
            @if !query.reason.is_empty() { ": " (query.reason) }
            @if !text.is_empty() { " with “" (text) "”" }
        }
        p.filters {
            a href=(query.address("", None)) aria-current=[(!line_1).then_some("true")] { "All" }
            a href=(query.address("1", None)) aria-current=[line_1.then_some("true")] { "Only line 1" }
            @if !query.webhook.is_empty() || !query.reason.is_empty() { a href="/calls" { "Every call" } }
        }
        (components::lines())
    }
}

fn list(ops: &Ops, calls: &[Told], next: Option<i64>, query: &Query) -> Markup {
    let line = if query.line == Some(1) { "1" } else { "" };
    html! {
        @if let ([only], None, Some(_)) = (calls, next, Search::of(&query.text())) {
            p.found role="status" {
                "One call fits: "
                a.button href={ "/calls/" (only.uuid) } autofocus { "See what happened" }
            }
        }
        @if calls.is_empty() { (nothing(query)) }
        (components::calls(ops, calls, clock::now_ms()))
        @if next.is_some() {
            p { a.button href=(query.address(line, next)) rel="next" { "Older calls" } }
        }
    }
}

fn nothing(query: &Query) -> Markup {
    let is_number = query.text().chars().filter(char::is_ascii_digit).count() > 3;
    html! {
        p.empty {
            "No call fits. "
            @if is_number { b { "Try the last 4-6 digits of the number. " } }
            @if query.line == Some(1) { a href=(query.address("", None)) { "Look at both lines" } ". " }
            "The last 50,000 calls that are over, and those since, are looked through: numbers (spaces, \
             dashes and the country's code do not matter), UUIDs, webhooks, reasons, flow variables \
             (their value, or name=value)."
        }
    }
}
