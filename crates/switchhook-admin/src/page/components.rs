//! Pieces that more than one view is made of.

use maud::{Markup, html};

use crate::calls::Told;
use crate::http::Ops;
use crate::live_calls::OnHold;
use crate::{format, svg};
use switchhook_core::call_history::LookupRecord;
use switchhook_store::{DocumentRow, State};

use super::webhooks;

/// How a run left, with its reason: never told by colour alone.
pub(crate) fn outcome(run: &LookupRecord) -> Markup {
    let ending = format::ending(&run.ending);
    let reason = run.outcome.as_ref().and_then(|told| told.reason.as_deref());
    html! {
        @match (&*run.ending, reason) {
            ("line_0", _) => span.pill.good { (ending) },
            ("line_1", Some(reason)) => span.pill.bad { (ending) " · " (reason) },
            ("line_1" | "lost", _) => span.pill.bad { (ending) },
            (_, _) => span.pill.odd { (ending) },
        }
    }
}

/// Who called whom, as a link to the call.
pub(crate) fn parties(uuid: &str, caller: &str, called: &str) -> Markup {
    html! {
        a.parties href={ "/calls/" (uuid) } {
            (or_dash(caller)) span.arrow aria-label="to" { " → " } (or_dash(called))
        }
    }
}

/// A text that may be empty.
pub(crate) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

/// Calls on hold, those that wait longest first.
pub(crate) fn on_hold(held: &[OnHold]) -> Markup {
    html! {
        ul.held {
            @for one in held {
                li {
                    div.row {
                        (parties(&one.uuid, &one.caller, &one.called))
                        span { "asks " (webhooks::link(&one.webhook)) }
                        @if !one.account.is_empty() { span.quiet { "account " (one.account) } }
                        span.end {
                            b data-since=(one.since.as_millis()) { (format::whole(one.since)) }
                            @if one.left.is_zero() {
                                " on hold, ending"
                            } @else {
                                " on hold, ends by itself in "
                                span data-left=(one.left.as_millis()) { (format::whole(one.left)) }
                            }
                        }
                    }
                    (svg::patience(one.since, one.left))
                }
            }
        }
    }
}

/// Calls in a list, each with its outcome and the sentence of its failure.
pub(crate) fn calls(ops: &Ops, calls: &[Told], now_ms: i64) -> Markup {
    html! {
        ul.calls {
            @for call in calls {
                li {
                    div.row {
                        time.clock title=(format::moment(call.began_ms, ops.time_zone)) {
                            (format::when(call.began_ms, now_ms, ops.time_zone))
                        }
                        (parties(&call.uuid, &call.caller, &call.called))
                        @if let Some(run) = call.deciding() {
                            span.webhook {
                                @for (place, name) in call.webhooks().into_iter().enumerate() {
                                    @if place > 0 { ", " }
                                    (webhooks::link(name))
                                }
                            }
                            span.end { (outcome(run)) }
                        }
                    }
                    @if let Some(detail) = sentence(call) {
                        p.why { (detail) }
                    }
                    p.quiet {
                        (format::away(call.began_ms, now_ms)) " · " (summary(call))
                        @if !call.account.is_empty() { " · account " (call.account) }
                    }
                }
            }
        }
    }
}

fn sentence(call: &Told) -> Option<&str> {
    let run = call.deciding().filter(|run| run.ending != "line_0")?;
    run.outcome.as_ref()?.detail.as_deref()
}

fn summary(call: &Told) -> String {
    let Some((_, summary)) = &call.over else {
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
            format::took(ms.unsigned_abs() * 1_000)
        ),
    }
}

/// A sentence whose commands stand between backticks.
pub(crate) fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// What line 0 and line 1 are.
pub(crate) fn lines() -> Markup {
    html! { p.quiet.lines { "Line 0: the webhook answered. Line 1: the fallback." } }
}

/// Whether an endpoint is paused.
pub(crate) type Paused<'a> = &'a dyn Fn(&str) -> bool;

/// A document's state.
pub(crate) fn state(row: &DocumentRow, paused: Paused<'_>) -> Markup {
    html! {
        @match row.state {
            State::Delivered => span.pill.good { "delivered" },
            State::Dead => span.pill.bad title="Nobody took it for eight days. It is kept, and sent again when you say so." { "given up (dead letter)" },
            State::Leased => span.pill.odd { "being tried" },
            State::Waiting if paused(&row.endpoint) => span.pill.bad { "paused" },
            State::Waiting if row.attempts == 0 => span.pill.odd { "waiting" },
            State::Waiting => span.pill.odd { "retrying" },
        }
    }
}
