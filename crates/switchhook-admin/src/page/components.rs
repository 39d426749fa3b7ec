//! Pieces of a page that more than one view uses.

use maud::{Markup, html};

use super::address::address;
use super::held::Held;
use crate::access::Kind;
use crate::call_entry::CallEntry;
use crate::live_calls::CallOnHold;
use crate::state::AdminState;
use crate::{format, svg};
use switchhook_core::call_history::LookupRecord;
use switchhook_store::{DocumentRow, DocumentState, StoreError, webhook_of};

/// Why a button is off.
const NEEDS_TOKEN: &str =
    "Off until [listen] http_token_env is set. Then the button asks for that token.";

/// Returns the address of a webhook's card.
fn webhook_address(name: &str) -> String {
    format!("/webhooks#webhook-{name}")
}

/// Makes a webhook's name, as a link to its card.
pub(crate) fn webhook_link(name: &str) -> Markup {
    html! { a.name href=(webhook_address(webhook_of(name))) { (name) } }
}

/// Makes the part of a page that the store could not provide.
pub(crate) fn store_error(error: &StoreError) -> Markup {
    html! { p.notice { "This cannot be shown: " (error) } }
}

/// Makes the outcome of a lookup with its reason: in words, not by colour alone.
pub(crate) fn outcome(lookup: &LookupRecord) -> Markup {
    let ending = format::ending(&lookup.ending);
    let reason = lookup
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.reason.as_deref());
    html! {
        @match (&*lookup.ending, reason) {
            ("line_0", _) => span.pill.good { (ending) },
            ("line_1", Some(reason)) => span.pill.bad { (ending) " · " (reason) },
            ("line_1" | "lost", _) => span.pill.bad { (ending) },
            (_, _) => span.pill.odd { (ending) },
        }
    }
}

/// Makes caller and called number, as a link to the call.
pub(crate) fn parties(uuid: &str, caller: &str, called: &str) -> Markup {
    html! {
        a.parties href=(address(&["calls", uuid], &[])) {
            (or_dash(caller)) span.arrow role="img" aria-label="to" { " → " } (or_dash(called))
        }
    }
}

/// Returns the text, or `unknown` if it is empty.
pub(crate) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

/// Makes the list of calls on hold.
pub(crate) fn on_hold(calls: &[CallOnHold]) -> Markup {
    html! {
        ul.held {
            @for call in calls {
                li data-key=(call.uuid) {
                    div.row {
                        (parties(&call.uuid, &call.caller, &call.called))
                        span { "asks " (webhook_link(&call.webhook)) }
                        @if !call.account.is_empty() { span.quiet { "account " (call.account) } }
                        span.end {
                            b data-since=(call.since.as_millis()) { (format::rounded(call.since)) }
                            @if call.left.is_zero() {
                                " on hold, ending"
                            } @else {
                                " on hold, ends by itself in "
                                span data-left=(call.left.as_millis()) { (format::rounded(call.left)) }
                            }
                        }
                    }
                    (svg::hold_progress(call.since, call.left))
                }
            }
        }
    }
}

/// Makes a list of calls, each with its outcome. A sentence that calls in a row have in common is
/// shown once, with their number.
pub(crate) fn calls(state: &AdminState, calls: &[CallEntry], now_ms: i64) -> Markup {
    let sentences: Vec<Option<&str>> = calls.iter().map(sentence).collect();
    html! {
        ul.calls.dense {
            @for (at, call) in calls.iter().enumerate() {
                li data-key=(call.uuid) {
                    (call_row(state, call, now_ms))
                    @if let Some(sentence) = sentences[at].filter(|_| at == 0 || sentences[at - 1] != sentences[at]) {
                        @let equal = sentences[at..].iter().take_while(|other| **other == Some(sentence)).count();
                        p.why { (sentence) @if equal > 1 { span.quiet { " · the same of " (equal) " calls from here on" } } }
                    }
                }
            }
        }
    }
}

fn call_row(state: &AdminState, call: &CallEntry, now_ms: i64) -> Markup {
    html! {
        div.row {
            time.clock title=(format::date_time(call.began_ms, state.time_zone)) {
                (format::time_or_date(call.began_ms, now_ms, state.time_zone))
            }
            (parties(&call.uuid, &call.caller, &call.called))
            @if let Some(lookup) = call.decisive_lookup() {
                span.webhook {
                    @for (position, name) in call.webhooks().into_iter().enumerate() {
                        @if position > 0 { ", " }
                        (webhook_link(name))
                    }
                }
                (outcome(lookup))
            }
            span.end.quiet {
                @if !call.found_in.is_empty() { b.found-in { "found in: " (call.found_in) } " · " }
                (format::relative(call.began_ms, now_ms)) " · " (summary(call))
                @if !call.account.is_empty() { " · account " (call.account) }
            }
        }
    }
}

fn sentence(call: &CallEntry) -> Option<&str> {
    let lookup = call
        .decisive_lookup()
        .filter(|lookup| lookup.ending != "line_0")?;
    lookup.outcome.as_ref()?.detail.as_deref()
}

fn summary(call: &CallEntry) -> String {
    let Some((_, summary)) = &call.finished else {
        return "not over, or not followed".into();
    };
    let legs = match summary.legs {
        1 => "1 leg".to_owned(),
        legs => format!("{legs} legs"),
    };
    match summary.talk_ms {
        0 => format!("{legs}, not answered"),
        ms => format!(
            "{legs}, answered for {}",
            format::duration(ms.unsigned_abs() * 1_000)
        ),
    }
}

/// Makes a sentence whose commands stand between backticks.
pub(crate) fn prose(text: &str) -> Markup {
    html! {
        @for (position, part) in text.split('`').enumerate() {
            @if position % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Explains line 0 and line 1.
pub(crate) fn lines() -> Markup {
    html! { p.quiet.lines { "Line 0: the webhook answered. Line 1: the fallback." } }
}

/// Makes a document's state.
pub(crate) fn document_state(row: &DocumentRow, held: &Held) -> Markup {
    html! {
        @match row.state {
            DocumentState::Delivered => span.pill.good { "delivered" },
            DocumentState::Dead => span.pill.bad title="It was not delivered within eight days. It is kept; you can send it again." { "given up (dead letter)" },
            DocumentState::Expired => span.pill.bad title="An event that was not delivered while it was worth sending" { "expired" },
            DocumentState::Leased => span.pill.odd { "being sent" },
            DocumentState::Waiting if held.is_paused(&row.endpoint) => span.pill.bad { "paused" },
            DocumentState::Waiting if row.attempts == 0 => span.pill.odd { "waiting" },
            DocumentState::Waiting => span.pill.odd { "retrying" },
        }
    }
}

/// Makes who is signed in, with the way out.
pub(crate) fn who(state: &AdminState) -> Markup {
    let signed_in = state.access.kind() == Kind::User;
    html! {
        @if signed_in {
            form.who method="post" action="/logout" {
                span { (state.access.name()) }
                button type="submit" { "Sign out" }
            }
        } @else if state.access.kind() == Kind::Local && state.guard.load().allows_changes() {
            a href="/login" { "Sign in" }
        }
    }
}

/// Makes what a form that changes something needs: nothing if the user is signed in, or the token.
pub(crate) fn credentials(state: &AdminState) -> Markup {
    html! {
        @if state.access.csrf().is_none() {
            label for="token" { "Token" }
            input #token.token type="password" autocomplete="off" required;
        }
    }
}

/// Returns why a button is off.
pub(crate) fn why_off(state: &AdminState) -> &'static str {
    match state.access.kind() {
        Kind::User => "Off: you may only look.",
        Kind::Nobody | Kind::Local => NEEDS_TOKEN,
    }
}
