//! The view of the audit: who did what, when, from where, with which result.

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::address::address;
use super::components;
use super::layout::View;
use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_store::{AuditEntry, AuditFilter};

/// Entries on one page.
const PAGE: u32 = 100;
/// Entries on a document's page.
const OF_DOCUMENT: u32 = 20;

/// The query string of `/audit`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditParams {
    /// Only entries before this one: the next page.
    before: Option<i64>,
}

/// Responds with the view.
pub(crate) async fn respond(state: AdminState, Query(params): Query<AuditParams>) -> Response {
    let filter = AuditFilter {
        before: params.before,
        target: None,
        limit: PAGE,
    };
    let entries = state.store.audit(&filter).await;
    let body = html! {
        h1 { "Audit" }
        p.quiet { "What was changed on this page and on the command line, and who was refused." }
        @match &entries {
            Err(error) => (components::store_error(error)),
            Ok(entries) if entries.is_empty() => p.empty { "Nobody changed anything." },
            Ok(entries) => (list(&state, entries)),
        }
    };
    View::new("Audit", "/audit", body).respond(&state, StatusCode::OK)
}

fn list(state: &AdminState, entries: &[AuditEntry]) -> Markup {
    let full = u32::try_from(entries.len()).is_ok_and(|count| count >= PAGE);
    let next = entries
        .last()
        .filter(|_| full)
        .map(|last| last.id.to_string());
    html! {
        (table(state, entries, true))
        @if let Some(next) = next {
            p { a.button href=(address(&["audit"], &[("before", &next)])) rel="next" { "Older entries" } }
        }
    }
}

fn table(state: &AdminState, entries: &[AuditEntry], with_target: bool) -> Markup {
    let now_ms = clock::now_ms();
    html! {
        section.scroll tabindex="0" aria-label="Entries" {
            table {
                thead { tr {
                    th scope="col" { "At" } th scope="col" { "Who" } th scope="col" { "From" } th scope="col" { "What" }
                    @if with_target { th scope="col" { "Of" } }
                    th scope="col" { "Result" }
                } }
                tbody {
                    @for AuditEntry { at_ms, entry, .. } in entries {
                        tr {
                            td title=(format::date_time(*at_ms, state.time_zone)) { (format::time_or_date(*at_ms, now_ms, state.time_zone)) }
                            td { @if entry.who.is_empty() { span.quiet { "nobody known" } } @else { (entry.who) } }
                            td.id { (entry.origin) }
                            td { (entry.action) }
                            @if with_target { td.id { (target(&entry.target)) } }
                            td { @if entry.refused { span.pill.bad { "refused" } " " } (entry.result) }
                        }
                    }
                }
            }
        }
    }
}

fn target(target: &str) -> Markup {
    html! {
        @if target.starts_with("msg_") && !target.contains(' ') {
            a href=(address(&["outbox", target], &[])) { (target) }
        } @else {
            (target)
        }
    }
}

/// Makes the section of a document's page: who sent it again.
pub(crate) async fn of_document(state: &AdminState, id: &str) -> Markup {
    let filter = AuditFilter {
        before: None,
        target: Some(id.to_owned()),
        limit: OF_DOCUMENT,
    };
    let entries = state.store.audit(&filter).await.unwrap_or_default();
    html! {
        @if !entries.is_empty() {
            section aria-labelledby="again" {
                h2 #again { "Sent again by" }
                (table(state, &entries, false))
            }
        }
    }
}
