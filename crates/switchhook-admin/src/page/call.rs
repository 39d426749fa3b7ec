//! One call: why it went where it went, whom it asked, its legs, its documents.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use crate::calls::{self, Told};
use crate::http::Ops;
use crate::{format, svg};
use switchhook_core::call_history::LookupRecord;
use switchhook_core::clock;
use switchhook_core::outcome::Reason;
use switchhook_store::{DocumentRow, KeptResponse};

use super::asked::Setter;
use super::components::Paused;
use super::health::Health;
use super::{View, asked, components, missing, outbox, unread, webhooks};

/// The view of the call that this is a leg of.
pub(crate) async fn respond(ops: &Ops, uuid: &str) -> Response {
    let held = calls::held(ops, uuid);
    let call = match calls::call(ops, uuid).await {
        Ok(call) => call,
        Err(error) => {
            let body = html! { h1 { "Call" } (unread(&error)) };
            return view("Call", body).respond(ops, StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    if call.is_none() && held.is_none() {
        let what = "No call with this UUID is known. Calls that are over are found when their switch is followed: see Switches.";
        return missing(ops, what);
    }
    let call = call.unwrap_or_else(|| Told {
        uuid: uuid.to_owned(),
        caller: held
            .as_ref()
            .map(|held| held.caller.clone())
            .unwrap_or_default(),
        called: held
            .as_ref()
            .map(|held| held.called.clone())
            .unwrap_or_default(),
        began_ms: clock::now_ms(),
        ..Told::default()
    });
    let documents = ops.store.documents_of(&call.uuids()).await;
    let kept = ops
        .store
        .answers_of(&call.uuids())
        .await
        .unwrap_or_default();
    let until = ops.store.unpublished_until(&call.uuids()).await;
    let pauses = ops.store.pauses().await.unwrap_or_default();
    let paused = |name: &str| pauses.iter().any(|(one, _)| one == name);
    let body = html! {
        (heading(ops, &call))
        @if let Some(held) = &held {
            section aria-label="On hold" { (components::on_hold(std::slice::from_ref(held))) }
        }
        (verdict(ops, &call))
        (asked::section(ops, &call, &kept))
        (legs(ops, &call))
        @if let Ok(Some(until_ms)) = until { (awaiting(ops, until_ms)) }
        @match &documents {
            Err(error) => (unread(error)),
            Ok(documents) => (documents_of(ops, documents, &paused)),
        }
        (keys(ops, &call, &kept))
    };
    let title = format!("{} → {}", call.caller, call.called);
    view(&title, body).respond(ops, StatusCode::OK)
}

fn view(title: &str, body: Markup) -> View<'_> {
    View {
        title,
        here: "/calls",
        search: "",
        body,
    }
}

fn heading(ops: &Ops, call: &Told) -> Markup {
    html! {
        h1 {
            (components::or_dash(&call.caller))
            span.arrow aria-label="to" { " → " }
            (components::or_dash(&call.called))
        }
        dl.facts {
            div { dt { "Began" } dd { (format::moment(call.began_ms, ops.time_zone)) } }
            @if let Some((switch, summary)) = &call.over {
                div { dt { "Ended" } dd { (format::clock(summary.ended_ms, ops.time_zone)) } }
                (ended_by(&summary.hangup_cause))
                div { dt { "Switch" } dd { (switch) } }
            }
            @if !call.account.is_empty() { div { dt { "Account" } dd { (call.account) } } }
            @if !call.flow.is_empty() { div { dt { "Flow" } dd { (call.flow) } } }
            div { dt { "UUID" } dd.id { (call.uuid) } }
        }
    }
}

/// Why it ended, as the telephone network counts causes.
fn ended_by(cause: &str) -> Markup {
    let words = format::cause(cause);
    html! {
        @if !cause.is_empty() {
            div {
                dt title="Q.850 is the telephone network's list of causes." { "Cause" }
                dd { "Q.850 " (cause) @if !words.is_empty() { ": " (words) } }
            }
        }
    }
}

/// The answer to "why?", first and in words.
fn verdict(ops: &Ops, call: &Told) -> Markup {
    let Some(run) = call.deciding() else {
        return undecided(call);
    };
    let told = run.outcome.as_ref();
    let reason = told.and_then(|told| told.reason.as_deref());
    let detail = told.and_then(|told| told.detail.as_deref());
    html! {
        section class={ "verdict " (tone(&run.ending)) } aria-label="What happened" {
            p.headline { (headline(run, reason)) }
            @if let Some(detail) = detail {
                p { (detail) }
            }
            @if let Some(reason) = reason.filter(|_| run.ending == "line_1") {
                p.quiet { b { "What to do: " } (format::meaning(reason).cure) (evidence(ops, run, reason)) }
            }
        }
    }
}

/// A call that is over and took no line of ours.
fn undecided(call: &Told) -> Markup {
    html! {
        @if call.over.is_some() {
            section.verdict aria-label="What happened" {
                p.headline { "No webhook is known to have been asked for this call." }
                p.quiet {
                    "Its dialplan did not hand it over, or nobody was there to take it: then the hook sent it down line 1 with "
                    "CONNECTION_FAILURE. The legs below say how it ended."
                }
            }
        }
    }
}

/// How the webhook is besides, where that helps to decide.
fn evidence(ops: &Ops, run: &LookupRecord, reason: &str) -> Markup {
    let health = Health::of(ops, &run.webhook);
    let timeout = ops.about(&run.webhook).map(|about| about.timeout);
    let timeouts = health.last_hour(Reason::Timeout);
    let detail = run.outcome.as_ref().and_then(|told| told.detail.as_deref());
    html! {
        @if reason == Reason::Timeout.as_str() {
            @if detail.is_some_and(|detail| detail.starts_with("could not connect")) {
                " No connection was made: look at its address and port, which switchhook doctor tries."
            }
            @if let Some(timeout) = timeout { " Its timeout is " (format::span(timeout)) "." }
            @if !health.samples.is_empty() {
                " Half of its last requests (" (health.samples.len()) ") took at most " (health.within(50)) "; "
                a href={ "/calls?webhook=" (run.webhook) "&reason=" (reason) } {
                    (timeouts) (if timeouts == 1 { " timeout" } else { " timeouts" }) " in the last hour"
                }
                "."
            }
        }
        // Of what times out the times say more, until it rests: then nobody waits for it.
        @if health.rest.is_some() || (reason != Reason::Timeout.as_str() && health.is_ill()) {
            " " (health.pill(ops))
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

fn headline(run: &LookupRecord, reason: Option<&str>) -> Markup {
    html! {
        @match (&*run.ending, reason) {
            ("line_0", _) if run.outcome.is_none() => {
                "Went down line 0: " (webhooks::link(&run.webhook)) " was not waited for."
            },
            ("line_0", _) => {
                "Went down line 0 (the webhook answered): " (webhooks::link(&run.webhook)) "."
            },
            ("line_1", Some(reason)) => {
                "Went down line 1 (the fallback) because " (format::meaning(reason).because) ": "
                (webhooks::link(&run.webhook)) ", " code { (reason) } "."
            },
            ("hung_up", _) => {
                "The caller hung up after " (format::took(run.held_us)) " on hold, before "
                (webhooks::link(&run.webhook)) " had answered."
            },
            ("rescued", _) => {
                "The hook's schedule took the call on to line 1 before " (webhooks::link(&run.webhook)) " had answered."
            },
            (_, _) => {
                "The connection to the switch went without a word; the dialplan goes on by itself, down line 1."
            },
        }
    }
}

fn legs(ops: &Ops, call: &Told) -> Markup {
    let story = &call.story;
    html! {
        @if !story.legs.is_empty() {
            section aria-labelledby="legs" {
                h2 #legs { "Legs" span.quiet { "each phone or trunk that took part" } }
                div.card { (svg::legs(story, ops.time_zone)) }
                ul.plain {
                    @for leg in &story.legs { li { (svg::ended(leg)) } }
                    @for (who, whom, time) in svg::talks(story) {
                        li { (who) " talked to " (whom) " for " (format::took(time)) }
                    }
                }
                @if !story.missing.is_empty() {
                    p.notice { "Incomplete; what could not be learnt: " (story.missing.join(", ")) }
                }
            }
        }
    }
}

/// Its documents are still to be made.
fn awaiting(ops: &Ops, until_ms: i64) -> Markup {
    html! {
        p.notice {
            "Its documents wait for its recordings, until "
            (format::clock(until_ms, ops.time_zone)) " at the latest."
        }
    }
}

fn documents_of(ops: &Ops, documents: &[DocumentRow], paused: Paused<'_>) -> Markup {
    html! {
        @if !documents.is_empty() {
            section aria-labelledby="documents" {
                h2 #documents { "Documents" span.quiet { "what webhooks are told of the call once it is over" } }
                (outbox::rows(ops, documents, &[], paused))
            }
        }
    }
}

fn set_by(setter: &Setter<'_>) -> Markup {
    html! {
        @match setter {
            Setter::Answer(webhook) => { "the answer of " (webhooks::link(webhook)) },
            Setter::Ourselves => "Switchhook: how the request went",
            Setter::Another => "no answer: the dialplan, or the switch",
        }
    }
}

fn keys(ops: &Ops, call: &Told, kept: &[KeptResponse]) -> Markup {
    let keys = call.story.keys.iter();
    let keys: Vec<_> = keys
        .map(|(name, value)| (name, value, asked::setter(ops, call, kept, name)))
        .collect();
    html! {
        @if !keys.is_empty() {
            section aria-labelledby="variables" {
                h2 #variables { "Flow variables" }
                div.scroll tabindex="0" role="region" aria-labelledby="variables" {
                    table {
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Value" } th scope="col" { "Set by" } } }
                        tbody {
                            @for (name, value, setter) in keys {
                                tr {
                                    th scope="row" { (name) }
                                    td.id { (value) }
                                    td { (set_by(&setter)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
