//! The view of the configuration in force: version, file, last reload, settings without secrets.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::View;
use crate::configuration::{ConfigSection, LastReload, ReloadResult};
use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_core::zone;

/// Responds with the view.
pub(crate) async fn respond(state: AdminState) -> Response {
    let current = state.configuration.current.load_full();
    let last_reload = state.configuration.last_reload.load_full();
    let body = html! {
        h1 { "Configuration" }
        dl.facts {
            div { dt { "Version" } dd { "Switchhook " (env!("CARGO_PKG_VERSION")) } }
            div { dt { "Time zones" } dd { (zone::database()) } }
            div { dt { "File" } dd.id { (current.file) } }
            div { dt { "In force since" } dd { (format::date_time(current.loaded_ms, state.time_zone)) } }
        }
        (reload(&state, last_reload.as_deref()))
        p.quiet {
            "Settings that differ from their defaults, and those of named sections. Passwords, tokens and their hashes are not shown. "
            code { "switchhook check --print-reference" } " explains every setting."
        }
        @for section in &current.sections { (settings(section)) }
    };
    View::new("Configuration", "/configuration", body).respond(&state, StatusCode::OK)
}

fn reload(state: &AdminState, last: Option<&LastReload>) -> Markup {
    let Some(LastReload { at_ms, result }) = last else {
        return html! { p.quiet { "Not reloaded since the start. SIGHUP reads the file again." } };
    };
    let at = format::time_or_date(*at_ms, clock::now_ms(), state.time_zone);
    html! {
        section aria-labelledby="reload" {
            h2 #reload { "Last reload" span.quiet { (at) } }
            @match result {
                ReloadResult::InForce(rest) if rest.is_empty() => p { span.pill.good { "in force" } },
                ReloadResult::InForce(rest) => p {
                    span.pill.odd { "in force, in part" } " A restart is needed for: " (rest.join(", ")) "."
                },
                ReloadResult::Refused(why) => {
                    p { span.pill.bad { "refused" } " The configuration from before stays in force." }
                    pre tabindex="0" aria-label="Why it was refused" { (why) }
                },
            }
        }
    }
}

fn settings(section: &ConfigSection) -> Markup {
    html! {
        section {
            h2 { code { "[" (section.name) "]" } }
            @if section.settings.is_empty() {
                p.empty { "As by default." }
            } @else {
                dl.facts {
                    @for (name, value) in &section.settings {
                        div { dt { (name) } dd.id { (value) } }
                    }
                }
            }
        }
    }
}
