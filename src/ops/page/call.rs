//! One call: why it went where it went, its widgets, its legs, its documents.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use crate::board;
use crate::call::story::{Run, Story};
use crate::ops::calls::{self, Told};
use crate::ops::http::Ops;
use crate::ops::{pictures, words};
use crate::store::DocumentRow;

use super::pieces::Paused;
use super::{View, missing, outbox, pieces, unread};

/// The view of the call that this is a leg of.
pub async fn respond(ops: &Ops, uuid: &str) -> Response {
    let held = calls::held(ops, uuid);
    let call = match calls::call(ops, uuid).await {
        Ok(call) => call,
        Err(error) => {
            let body = html! { h1 { "Call" } (unread(&error)) };
            return view("Call", body).respond(ops, StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    if call.is_none() && held.is_none() {
        let what = "No call with this UUID is known. Calls that are over are found when their switch is followed ([[freeswitch]]).";
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
        began_ms: board::now_ms(),
        ..Told::default()
    });
    let documents = ops.store.documents_of(&call.uuids()).await;
    let until = ops.store.unpublished_until(&call.uuids()).await;
    let pauses = ops.store.pauses().await.unwrap_or_default();
    let paused = |name: &str| pauses.iter().any(|(one, _)| one == name);
    let body = html! {
        (heading(ops, &call))
        @if let Some(held) = &held {
            section aria-label="On hold" { (pieces::on_hold(std::slice::from_ref(held))) }
        }
        (verdict(&call))
        (widgets(ops, &call.story))
        (legs(ops, &call))
        @if let Ok(Some(until_ms)) = until { (awaiting(ops, until_ms)) }
        @match &documents {
            Err(error) => (unread(error)),
            Ok(documents) => (documents_of(ops, documents, &paused)),
        }
        (keys(&call.story))
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
            (pieces::or_dash(&call.caller))
            span.arrow aria-label="to" { " → " }
            (pieces::or_dash(&call.called))
        }
        dl.facts {
            div { dt { "Began" } dd { (words::moment(call.began_ms, ops.time_zone)) } }
            @if let Some((switch, summary)) = &call.over {
                div { dt { "Ended" } dd { (words::clock(summary.ended_ms, ops.time_zone)) } }
                @if !summary.hangup_cause.is_empty() { div { dt { "Cause" } dd { "Q.850 " (summary.hangup_cause) } } }
                div { dt { "Switch" } dd { (switch) } }
            }
            @if !call.account.is_empty() { div { dt { "Account" } dd { (call.account) } } }
            @if !call.flow.is_empty() { div { dt { "Flow" } dd { (call.flow) } } }
            div { dt { "UUID" } dd.id { (call.uuid) } }
        }
    }
}

/// The answer to "why?", first and in words.
fn verdict(call: &Told) -> Markup {
    let Some(run) = call.deciding() else {
        return html! {};
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
                p.quiet { b { "What to do: " } (words::meaning(reason).cure) }
            }
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

fn headline(run: &Run, reason: Option<&str>) -> Markup {
    html! {
        @match (&*run.ending, reason) {
            ("line_0", _) if run.outcome.is_none() => {
                "Went down line 0: " b { (run.webhook) } " was not waited for."
            },
            ("line_0", _) => { "Went down line 0: " b { (run.webhook) } " answered." },
            ("line_1", Some(reason)) => {
                "Went down line 1 because " (words::meaning(reason).because) ": "
                b { (run.webhook) } ", " code { (reason) } "."
            },
            ("hung_up", _) => {
                "The caller hung up after " (words::took(run.held_us)) " on hold, before "
                b { (run.webhook) } " had answered."
            },
            ("rescued", _) => {
                "The hook's schedule took the call on to line 1 before " b { (run.webhook) } " had answered."
            },
            (_, _) => {
                "The connection to the switch went without a word; the dialplan goes on by itself, down line 1."
            },
        }
    }
}

fn widgets(ops: &Ops, story: &Story) -> Markup {
    html! {
        @if !story.runs.is_empty() {
            section aria-labelledby="widgets" {
                h2 #widgets { "Widgets" }
                @for run in &story.runs { (widget(ops, run, story.runs.len() > 1)) }
            }
        }
    }
}

/// `said`: with its sentence, which of a single one stands above.
fn widget(ops: &Ops, run: &Run, said: bool) -> Markup {
    let told = run.outcome.as_ref();
    let detail = told.and_then(|told| told.detail.as_deref());
    html! {
        article.card {
            div.row {
                b { (run.webhook) }
                (pieces::outcome(run))
                @if let Some(status) = told.and_then(|told| told.status) { span { "HTTP " (status) } }
                span.end.quiet {
                    (words::clock(run.began_ms, ops.time_zone)) ", held for " (words::took(run.held_us))
                }
            }
            (pictures::phases(run))
            @if let Some(detail) = detail.filter(|_| said) {
                p.why { (detail) }
            }
        }
    }
}

fn legs(ops: &Ops, call: &Told) -> Markup {
    let story = &call.story;
    html! {
        @if !story.legs.is_empty() {
            section aria-labelledby="legs" {
                h2 #legs { "Legs" }
                div.card { (pictures::legs(story, ops.time_zone)) }
                ul.plain {
                    @for leg in &story.legs { li { (pictures::ended(leg)) } }
                    @for (who, whom, time) in pictures::talks(story) {
                        li { (who) " talked to " (whom) " for " (words::took(time)) }
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
            (words::clock(until_ms, ops.time_zone)) " at the latest."
        }
    }
}

fn documents_of(ops: &Ops, documents: &[DocumentRow], paused: Paused<'_>) -> Markup {
    html! {
        @if !documents.is_empty() {
            section aria-labelledby="documents" {
                h2 #documents { "Documents" }
                (outbox::rows(ops, documents, paused))
            }
        }
    }
}

fn keys(story: &Story) -> Markup {
    html! {
        @if !story.keys.is_empty() {
            section aria-labelledby="variables" {
                h2 #variables { "Flow variables" }
                div.scroll tabindex="0" role="region" aria-labelledby="variables" {
                    table {
                        thead { tr { th scope="col" { "Name" } th scope="col" { "Value" } } }
                        tbody {
                            @for (name, value) in &story.keys {
                                tr { th scope="row" { (name) } td.id { (value) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
