//! The view of one call: its outcome with the reason, its lookups, legs, documents and variables.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::address::address;
use crate::call_entry::CallEntry;
use crate::calls;
use crate::state::AdminState;
use crate::{format, svg};
use switchhook_core::call_history::LookupRecord;
use switchhook_core::clock;
use switchhook_core::outcome::Reason;
use switchhook_store::{DeliveryKind, DocumentRow, PersistedResponse};

use super::components;
use super::document_rows;
use super::held::Held;
use super::layout::{View, not_found};
use super::lookups::{self, VariableSource};
use super::webhook_health::WebhookHealth;

/// Responds with the view of the call that this Unique-ID is a leg of.
pub(crate) async fn respond(state: &AdminState, uuid: &str) -> Response {
    let on_hold = calls::call_on_hold(state, uuid);
    let call = match calls::find_call(state, uuid).await {
        Ok(call) => call,
        Err(error) => {
            let body = html! { h1 { "Call" } (components::store_error(&error)) };
            return view("Call", body).respond(state, StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    if call.is_none() && on_hold.is_none() {
        let sentence = "No call with this UUID is known. Finished calls are listed if their switch is followed: see Switches.";
        return not_found(state, sentence);
    }
    let call = call.unwrap_or_else(|| CallEntry {
        uuid: uuid.to_owned(),
        caller: on_hold
            .as_ref()
            .map(|call| call.caller.clone())
            .unwrap_or_default(),
        called: on_hold
            .as_ref()
            .map(|call| call.called.clone())
            .unwrap_or_default(),
        began_ms: clock::now_ms(),
        ..CallEntry::default()
    });
    let documents = state
        .store
        .documents_of_accounts(&call.uuids(), state.access.accounts())
        .await;
    let kept = state
        .store
        .responses_of(&asked(&call))
        .await
        .unwrap_or_default();
    let until = state.store.unpublished_until(&call.uuids()).await;
    let held = Held::read(state).await;
    let body = html! {
        (heading(state, &call))
        @if let Some(on_hold) = &on_hold {
            section aria-label="On hold" { (components::on_hold(std::slice::from_ref(on_hold))) }
        }
        (verdict(state, &call))
        (lookups::section(state, &call, &kept))
        (legs(state, &call))
        @if let Ok(Some(until_ms)) = until { (waiting_for_recordings(state, until_ms)) }
        @match &documents {
            Err(error) => (components::store_error(error)),
            Ok(documents) => (documents_of(state, documents, &held)),
        }
        (keys(state, &call, &kept))
    };
    let title = format!("{} → {}", call.caller, call.called);
    view(&title, body).respond(state, StatusCode::OK)
}

/// Returns the channels that asked: a leg of another call that took part in this one did not.
fn asked(call: &CallEntry) -> Vec<&str> {
    let lookups = call.history.runs.iter();
    lookups.map(|lookup| lookup.uuid.as_str()).collect()
}

fn view(title: &str, body: Markup) -> View<'_> {
    View::new(title, "/calls", body)
}

fn heading(state: &AdminState, call: &CallEntry) -> Markup {
    html! {
        h1 {
            (components::or_dash(&call.caller))
            span.arrow role="img" aria-label="to" { " → " }
            (components::or_dash(&call.called))
        }
        dl.facts {
            div { dt { "Began" } dd { (format::date_time(call.began_ms, state.time_zone)) } }
            @if let Some((switch, summary)) = &call.finished {
                div { dt { "Ended" } dd { (format::time_of_day(summary.ended_ms, state.time_zone)) } }
                (ended_by(&summary.hangup_cause))
                div { dt { "Switch" } dd { (switch) } }
            }
            @if !call.account.is_empty() { div { dt { "Account" } dd { (call.account) } } }
            @if !call.flow.is_empty() { div { dt { "Flow" } dd { (call.flow) } } }
            div { dt { "UUID" } dd.id { (call.uuid) } }
            @if let Some(address) = trace(state, &call.uuid) {
                div { dt { "Trace" } dd { a href=(address) rel="noreferrer" { "Open its trace" } } }
            }
        }
    }
}

/// Returns the address of the call's trace.
fn trace(state: &AdminState, uuid: &str) -> Option<String> {
    let configuration = state.configuration.current.load();
    configuration.trace_link.as_ref()?(uuid)
}

/// Makes the Q.850 cause of the hangup.
fn ended_by(cause: &str) -> Markup {
    let words = format::hangup_cause(cause);
    html! {
        @if !cause.is_empty() {
            div {
                dt title="Q.850 is the telephone network's list of causes." { "Cause" }
                dd { "Q.850 " (cause) @if !words.is_empty() { ": " (words) } }
            }
        }
    }
}

/// Makes the outcome of the call with the reason and the cure, in words.
fn verdict(state: &AdminState, call: &CallEntry) -> Markup {
    let Some(lookup) = call.decisive_lookup() else {
        return undecided(call);
    };
    let outcome = lookup.outcome.as_ref();
    let reason = outcome.and_then(|outcome| outcome.reason.as_deref());
    let detail = outcome.and_then(|outcome| outcome.detail.as_deref());
    html! {
        section class={ "verdict " (tone(&lookup.ending)) } aria-label="What happened" {
            p.headline { (headline(lookup, reason)) }
            @if let Some(detail) = detail {
                p { (detail) }
            }
            @if let Some(reason) = reason.filter(|_| lookup.ending == "line_1") {
                p.quiet { b { "What to do: " } (format::reason_text(reason).cure) (evidence(state, lookup, reason)) }
            }
        }
    }
}

/// Makes the outcome of a finished call without a lookup.
fn undecided(call: &CallEntry) -> Markup {
    html! {
        @if call.finished.is_some() {
            section.verdict aria-label="What happened" {
                p.headline { "No webhook is known that this call asked." }
                p.quiet {
                    "Its dialplan did not hand it over, or no service accepted it: then the hook sent it down line 1 with "
                    "CONNECTION_FAILURE. The legs below show how it ended."
                }
            }
        }
    }
}

/// Makes what else is known of the webhook, where that helps to find the cause. It comes from the calls
/// of all accounts.
fn evidence(state: &AdminState, lookup: &LookupRecord, reason: &str) -> Markup {
    if state.access.is_limited() {
        return html! {};
    }
    let health = WebhookHealth::of(state, &lookup.webhook);
    let timeout = state
        .config_summary(&lookup.webhook)
        .map(|config_summary| config_summary.timeout);
    let timeouts = health.last_hour(Reason::Timeout);
    let connected = lookup
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.connected);
    html! {
        @if reason == Reason::Timeout.as_str() {
            @if connected == Some(false) {
                " No connection was made. Check its address and port; switchhook doctor tests them."
            }
            @if let Some(timeout) = timeout { " Its timeout is " (format::seconds(timeout)) "." }
            @if !health.samples.is_empty() {
                " Half of its last requests (" (health.samples.len()) ") took at most " (health.within(50)) "; "
                a href=(address(&["calls"], &[("webhook", &lookup.webhook), ("reason", reason)])) {
                    (timeouts) (if timeouts == 1 { " timeout" } else { " timeouts" }) " in the last hour"
                }
                "."
            }
        }
        // For a timeout the times say more than the status, unless the circuit is open.
        @if health.open_circuits() > 0 || (reason != Reason::Timeout.as_str() && health.is_failing()) {
            " " (health.status_pill(state))
        }
    }
}

fn tone(ending: &str) -> &'static str {
    match ending {
        "line_0" => "good",
        "line_1" | "lost" => "bad",
        _ => "odd",
    }
}

fn headline(lookup: &LookupRecord, reason: Option<&str>) -> Markup {
    html! {
        @match (&*lookup.ending, reason) {
            ("line_0", _) if lookup.outcome.is_none() => {
                "Went down line 0: " (components::webhook_link(&lookup.webhook)) " is asked in the background."
            },
            ("line_0", _) => {
                "Went down line 0 (the webhook answered): " (components::webhook_link(&lookup.webhook)) "."
            },
            ("line_1", Some(reason)) => {
                "Went down line 1 (the fallback) because " (format::reason_text(reason).because) ": "
                (components::webhook_link(&lookup.webhook)) ", " code { (reason) } "."
            },
            ("hung_up", _) => {
                "The caller hung up after " (format::duration(lookup.held_us)) " on hold, before "
                (components::webhook_link(&lookup.webhook)) " had answered."
            },
            ("fetched", _) => {
                "Somebody else fetched the caller after " (format::duration(lookup.held_us)) " on hold"
                @if let Some(by) = &lookup.taken_by { " (" (by) ")" }
                ", before " (components::webhook_link(&lookup.webhook)) " had answered. The call went its own way: no line was taken."
            },
            ("rescued", _) => {
                "The hook's schedule moved the call to line 1 before " (components::webhook_link(&lookup.webhook)) " had answered."
            },
            (_, _) => {
                "The connection to the switch was lost. The dialplan continues by itself, on line 1."
            },
        }
    }
}

fn legs(state: &AdminState, call: &CallEntry) -> Markup {
    let history = &call.history;
    html! {
        @if !history.legs.is_empty() {
            section aria-labelledby="legs" {
                h2 #legs { "Legs" span.quiet { "each phone or trunk of the call" } }
                div.card { (svg::legs(history, state.time_zone)) }
                ul.plain {
                    @for leg in &history.legs { li { (svg::ended(leg)) } }
                    @for (first, second, time) in svg::talks(history) {
                        li { (first) " talked to " (second) " for " (format::duration(time)) }
                    }
                }
                @if !history.missing.is_empty() {
                    p.notice { "Incomplete. Missing: " (history.missing.join(", ")) }
                }
            }
        }
    }
}

/// Says that the documents wait for recordings.
fn waiting_for_recordings(state: &AdminState, until_ms: i64) -> Markup {
    html! {
        p.notice {
            "Its documents wait for its recordings, until "
            (format::time_of_day(until_ms, state.time_zone)) " at the latest."
        }
    }
}

fn documents_of(state: &AdminState, documents: &[DocumentRow], held: &Held) -> Markup {
    let is_event = |row: &&DocumentRow| row.kind == DeliveryKind::Event;
    let (mut events, others): (Vec<_>, Vec<_>) =
        documents.iter().cloned().partition(|row| is_event(&row));
    events.sort_by_key(|row| (row.call_uuid.clone(), row.sequence));
    html! {
        @if !events.is_empty() {
            section aria-labelledby="events" {
                h2 #events { "Events" span.quiet { "what webhooks receive while the call lives" } }
                (document_rows::plain(state, &events, &[], held))
            }
        }
        @if !others.is_empty() {
            section aria-labelledby="documents" {
                h2 #documents { "Documents" span.quiet { "what webhooks receive when the call is over" } }
                (document_rows::plain(state, &others, &[], held))
            }
        }
    }
}

fn set_by(source: &VariableSource<'_>) -> Markup {
    html! {
        @match source {
            VariableSource::Answer(webhook) => { "the answer of " (components::webhook_link(webhook)) },
            VariableSource::Switchhook => "Switchhook: the result of the request",
            VariableSource::Other => "no answer: the dialplan, or the switch",
        }
    }
}

fn keys(state: &AdminState, call: &CallEntry, kept: &[PersistedResponse]) -> Markup {
    let keys = call.history.keys.iter();
    let keys: Vec<_> = keys
        .map(|(name, value)| {
            (
                name,
                value,
                lookups::variable_source(state, call, kept, name),
            )
        })
        .collect();
    html! {
        @if !keys.is_empty() {
            section aria-labelledby="variables" {
                h2 #variables { "Flow variables" }
                section.scroll tabindex="0" aria-label="Table of the variables" {
                    table {
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Value" } th scope="col" { "Set by" } } }
                        tbody {
                            @for (name, value, source) in keys {
                                tr {
                                    th scope="row" { (name) }
                                    td.id { (value) }
                                    td { (set_by(&source)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
