//! The list of calls, and the search in it.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::board;
use crate::ops::calls::{self, PAGE, Told, Wanted};
use crate::ops::http::Ops;

use super::{View, pieces, unread};

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    q: String,
    line: Option<u8>,
    before: Option<i64>,
}

/// The view of a search, or of everything.
pub async fn respond(ops: &Ops, query: &Query) -> Response {
    let text: String = query.q.trim().chars().take(200).collect();
    let wanted = Wanted {
        text: Some(text.clone()).filter(|text| !text.is_empty()),
        line_1: query.line == Some(1),
        before: query.before,
        limit: PAGE,
    };
    let found = calls::calls(ops, &wanted).await;
    let body = html! {
        (heading(&text, wanted.line_1))
        @match &found {
            Err(error) => (unread(error)),
            Ok((calls, next)) => (list(ops, calls, *next, &wanted)),
        }
    };
    let view = View {
        title: "Calls",
        here: "/calls",
        search: &text,
        body,
    };
    view.respond(ops, StatusCode::OK)
}

fn heading(text: &str, line_1: bool) -> Markup {
    let with = |line: &str| address(text, line, None);
    html! {
        h1 {
            @if text.is_empty() { "Calls" } @else { "Calls with “" (text) "”" }
        }
        p.filters {
            a href=(with("")) aria-current=[(!line_1).then_some("true")] { "All" }
            a href=(with("1")) aria-current=[line_1.then_some("true")] { "Only line 1" }
        }
    }
}

fn address(text: &str, line: &str, before: Option<i64>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !text.is_empty() {
        query.append_pair("q", text);
    }
    if !line.is_empty() {
        query.append_pair("line", line);
    }
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    format!("/calls?{}", query.finish())
}

fn list(ops: &Ops, calls: &[Told], next: Option<i64>, wanted: &Wanted) -> Markup {
    let text = wanted.text.as_deref().unwrap_or_default();
    let line = if wanted.line_1 { "1" } else { "" };
    html! {
        @if calls.is_empty() {
            p.empty {
                "No call fits. The last 50,000 calls that are over, and those since, are looked \
                 through: numbers, UUIDs, flow variables, webhooks, reasons."
            }
        }
        (pieces::calls(ops, calls, board::now_ms()))
        @if next.is_some() {
            p { a.button href=(address(text, line, next)) rel="next" { "Older calls" } }
        }
    }
}
