//! The frame of every view: head, menu, search, failing components, footer.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use crate::access::needs::Needs;
use crate::access::{Kind, Role};
use crate::base_path;
use crate::state::{AdminState, Check, Readiness};
use switchhook_core::clock;

use super::{assets, components};

/// Nothing from another host, nothing inline, no frame around the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The views, in the order of the menu.
const MENU: [(&str, &str); 6] = [
    ("/", "Now"),
    ("/calls", "Calls"),
    ("/time", "Over time"),
    ("/webhooks", "Webhooks"),
    ("/outbox", "Outbox"),
    ("/switches", "Switches"),
];
/// Views of all accounts.
const OF_ALL: [&str; 3] = ["/time", "/webhooks", "/switches"];

/// Keys and what they do.
const KEYS: [(&str, &str); 7] = [
    ("j", "next row"),
    ("k", "row before"),
    ("Enter", "open the row"),
    ("/", "search"),
    ("p", "pause updates, or go on"),
    ("Esc", "leave the row or the field"),
    ("?", "this help"),
];

/// One view.
pub(crate) struct View<'a> {
    /// The title, before the service's name.
    title: &'a str,
    /// Its address in the menu.
    menu: &'a str,
    /// The text in the search field.
    search: &'a str,
    body: Markup,
}

impl<'a> View<'a> {
    /// Makes a view with an empty search field. `menu`: the entry of the menu that is current.
    pub(crate) const fn new(title: &'a str, menu: &'a str, body: Markup) -> Self {
        Self {
            title,
            menu,
            search: "",
            body,
        }
    }

    /// Sets the text in the search field.
    pub(crate) const fn search(mut self, text: &'a str) -> Self {
        self.search = text;
        self
    }

    /// Responds with the whole page.
    pub(crate) fn respond(self, state: &AdminState, status: StatusCode) -> Response {
        let readiness = state.readiness();
        // What fails names webhooks and switches of all accounts.
        let sees_all = !state.access.is_limited();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Switchhook" }
                    link rel="icon" href=(assets::url("icon.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(assets::url("page.css"));
                    script src=(assets::url("page.js")) defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.header(state, &ServiceStatus::of(state, &readiness)))
                    main #main tabindex="-1" {
                        @if sees_all { (failing_checks(&readiness.checks)) }
                        (self.body)
                    }
                    footer {
                        @if needs_all(state, Role::Viewer) { a href="/configuration" { "Configuration" } " " }
                        @if needs_all(state, Role::Operator) { a href="/audit" { "Audit" } " " }
                        a href="/metrics" { "Metrics" } " "
                        a href="/readyz" { "Readiness" } " "
                        a href="/healthz" { "Health" }
                        span.quiet { "Times are those of " (state.time_zone.name()) }
                        span.quiet { "Switchhook " (env!("CARGO_PKG_VERSION")) }
                        span #live.quiet {}
                        button #pause.plain type="button" hidden aria-pressed="false" { "Pause updates" }
                        span.quiet { "Keys: " kbd { "?" } }
                    }
                    button #news type="button" hidden { "0 new" }
                    (keys_help())
                }
            }
        };
        let headers = [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let page = base_path::put_before(&state.base, page.into_string());
        (status, headers, Html(page)).into_response()
    }

    fn header(&self, state: &AdminState, status: &ServiceStatus) -> Markup {
        let is_known = state.access.kind() != Kind::Nobody;
        let everything = !state.access.is_limited();
        let menu = MENU
            .iter()
            .filter(|(address, _)| everything || !OF_ALL.contains(address));
        html! {
            header {
                a.brand href="/" aria-label="Switchhook" {
                    (assets::mark())
                    span { "Switchhook" }
                }
                @if is_known {
                    nav aria-label="Views" {
                        @for (address, name) in menu {
                            a href=(address) aria-current=[(*address == self.menu).then_some("page")] { (name) }
                        }
                    }
                    form.search role="search" action="/calls" {
                        label.hidden for="q" { "Find a call" }
                        input #q type="search" name="q" value=(self.search) autocomplete="off"
                            placeholder="Number, UUID or flow variable" aria-keyshortcuts="/";
                        button type="submit" { "Find" }
                    }
                }
                (status.pill(is_known && everything))
                (components::who(state))
            }
        }
    }
}

/// The help for the keys, which the script opens.
fn keys_help() -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            form method="dialog" {
                h2 #keys-title { "Keys" }
                dl {
                    @for (key, what) in KEYS { div { dt { kbd { (key) } } dd { (what) } } }
                }
                p.quiet { "Nothing moves while the pointer is on a list or a row is chosen: new rows are counted and wait." }
                button type="submit" { "Close" }
            }
        }
    }
}

/// What the pill in the header says.
enum ServiceStatus {
    Ready,
    /// Calls are served; endpoints get their documents late.
    DeliveriesHeldUp(Vec<String>),
    /// Calls are served; these components are not healthy.
    Degraded(Vec<String>),
    NotReady,
}

impl ServiceStatus {
    fn of(state: &AdminState, readiness: &Readiness) -> Self {
        let failing = readiness.checks.iter().filter(|check| !check.ok);
        let failing: Vec<String> = failing.map(|check| check.name.clone()).collect();
        let slowed = state.endpoint_statuses.slowed(clock::now_ms());
        if !readiness.ready {
            Self::NotReady
        } else if !slowed.is_empty() {
            Self::DeliveriesHeldUp(slowed.into_keys().collect())
        } else if failing == ["deliveries"] {
            Self::DeliveriesHeldUp(failing)
        } else if failing.is_empty() {
            Self::Ready
        } else {
            Self::Degraded(failing)
        }
    }

    /// Makes the pill. Webhooks and switches of all accounts are named to who sees them all.
    fn pill(&self, sees_all: bool) -> Markup {
        let title = |what: &str, names: &[String]| {
            if sees_all {
                format!("Calls are served. {what}: {}", names.join(", "))
            } else {
                format!("Calls are served. {what}.")
            }
        };
        html! {
            @match self {
                Self::Ready => a.pill.good href="/readyz" { span.wide { "service " } "ready" },
                Self::DeliveriesHeldUp(names) => a.pill.odd href="/outbox" title=(title("Documents wait", names)) {
                    "deliveries held up"
                },
                Self::Degraded(names) => a.pill.odd href="/readyz" title=(title("Not everything is healthy", names)) {
                    span.wide { "service " } "degraded"
                },
                Self::NotReady => a.pill.bad href="/readyz" { span.wide { "service " } "not ready" },
            }
        }
    }
}

/// Whether the user may see what needs this role and every account.
fn needs_all(state: &AdminState, role: Role) -> bool {
    Needs::RoleInAll(role).admit(&state.access, false)
}

/// Lists the components that are not healthy, each with the cure.
fn failing_checks(checks: &[Check]) -> Markup {
    let failing: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    html! {
        @if !failing.is_empty() {
            section.notice aria-label="Failing components" {
                @for check in failing {
                    p { b { (check.name) } " " (components::prose(&check.detail)) }
                }
            }
        }
    }
}

/// Responds 404 with a sentence.
pub(crate) fn not_found(state: &AdminState, sentence: &str) -> Response {
    let body = html! {
        h1 { "Not found" }
        p { (sentence) }
        p { a.button href="/" { "To the current calls" } }
    };
    View::new("Not found", "", body).respond(state, StatusCode::NOT_FOUND)
}
