//! The operator's page, one file a view. Whatever came from a call is text here, never markup:
//! the templates escape it.

mod asked;
pub(crate) mod call;
pub(crate) mod calls;
mod components;
pub(crate) mod document;
pub(crate) mod files;
mod health;
pub(crate) mod now;
pub(crate) mod outbox;
pub(crate) mod switches;
pub(crate) mod webhooks;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use switchhook_store::StoreError;

use super::http::{Check, Ops, readiness};

/// Nothing from elsewhere, nothing inline, no frame around us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The views, in the order of the menu.
const MENU: [(&str, &str); 5] = [
    ("/", "Now"),
    ("/calls", "Calls"),
    ("/webhooks", "Webhooks"),
    ("/outbox", "Outbox"),
    ("/switches", "Switches"),
];

/// One view.
pub(crate) struct View<'a> {
    /// Before the service's name in the title.
    pub title: &'a str,
    /// Its address in the menu.
    pub here: &'a str,
    /// What was searched for.
    pub search: &'a str,
    /// What stands in it.
    pub body: Markup,
}

impl View<'_> {
    /// The whole page.
    pub(crate) fn respond(self, ops: &Ops, status: StatusCode) -> Response {
        let readiness = readiness(ops);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Switchhook" }
                    link rel="icon" href=(files::url("icon.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(files::url("page.css"));
                    script src=(files::url("page.js")) defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.header(readiness.ready))
                    main #main tabindex="-1" {
                        (illness(&readiness.checks))
                        (self.body)
                    }
                    footer {
                        a href="/metrics" { "Metrics" } " "
                        a href="/readyz" { "Readiness" } " "
                        a href="/healthz" { "Health" }
                        span.quiet { "Times are those of " (ops.time_zone.name()) }
                        span.quiet { "Switchhook " (env!("CARGO_PKG_VERSION")) }
                        span #live.quiet {}
                    }
                }
            }
        };
        let headers = [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (status, headers, Html(page.into_string())).into_response()
    }

    fn header(&self, ready: bool) -> Markup {
        html! {
            header {
                a.brand href="/" aria-label="Switchhook" {
                    (files::mark())
                    span { "Switchhook" }
                }
                nav aria-label="Views" {
                    @for (address, name) in MENU {
                        a href=(address) aria-current=[(address == self.here).then_some("page")] { (name) }
                    }
                }
                form.search role="search" action="/calls" {
                    label.hidden for="q" { "Find a call" }
                    input #q type="search" name="q" value=(self.search) autocomplete="off"
                        placeholder="Number, UUID or flow variable" aria-keyshortcuts="/";
                    button { "Find" }
                }
                @if ready {
                    a.pill.good href="/readyz" { span.wide { "service " } "ready" }
                } @else {
                    a.pill.bad href="/readyz" { span.wide { "service " } "not ready" }
                }
            }
        }
    }
}

/// What is not well, and the cure.
fn illness(checks: &[Check]) -> Markup {
    let ill: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    html! {
        @if !ill.is_empty() {
            section.notice aria-label="What is not well" {
                @for check in ill {
                    p { b { (check.name) } " " (components::prose(&check.detail)) }
                }
            }
        }
    }
}

/// A part of the page that the store does not give.
fn unread(error: &StoreError) -> Markup {
    html! { p.notice { "This cannot be shown: " (error) } }
}

/// The page of something that is not there.
pub(crate) fn missing(ops: &Ops, what: &str) -> Response {
    let view = View {
        title: "Not found",
        here: "",
        search: "",
        body: html! {
            h1 { "Not found" }
            p { (what) }
            p { a.button href="/" { "To what goes on now" } }
        },
    };
    view.respond(ops, StatusCode::NOT_FOUND)
}
