//! The lookups of a call: the request, the time of each phase, the answer.

use maud::{Markup, html};

use super::address::address;
use crate::call_entry::CallEntry;
use crate::state::AdminState;
use crate::{format, svg};
use switchhook_core::call_history::{LookupRecord, LookupSummary};
use switchhook_core::outcome::Reason;
use switchhook_core::variables::{FLOW_KEY, VariableNames, flow_key};
use switchhook_store::PersistedResponse;

use super::components;

/// Characters of an answer that are shown.
const SHOWN: usize = 4 * 1024;
/// The longest time between a lookup's end and the time at which its answer was kept, ms.
const APART: u64 = 60_000;

/// Makes the section with all lookups, in the order in which they ended.
pub(crate) fn section(state: &AdminState, call: &CallEntry, kept: &[PersistedResponse]) -> Markup {
    let runs = &call.history.runs;
    html! {
        @if !runs.is_empty() {
            section aria-labelledby="lookups" {
                h2 #lookups title="One for each webhook in the dialplan." { "Webhooks asked" }
                @for lookup in runs {
                    article.card {
                        (heading(state, call, lookup))
                        (request(lookup))
                        (svg::phases(lookup))
                        (tries(state, lookup))
                        @if runs.len() > 1 { (sentence(lookup)) }
                        (answer(state, lookup, kept_answer(kept, lookup)))
                    }
                }
            }
        }
    }
}

fn heading(state: &AdminState, call: &CallEntry, lookup: &LookupRecord) -> Markup {
    let status = lookup.outcome.as_ref().and_then(|outcome| outcome.status);
    html! {
        div.row {
            (components::webhook_link(&lookup.webhook))
            (components::outcome(lookup))
            @if let Some(status) = status { span { "HTTP " (status) } }
            span.end.quiet {
                (format::time_of_day(lookup.began_ms, state.time_zone)) ", held for " (format::duration(lookup.held_us)) ". "
                @if !state.access.is_limited() && state.config_summary(&lookup.webhook).is_some() {
                    a href=(address(&["webhooks", &lookup.webhook, "try"], &[("call", &call.uuid)])) {
                        @if state.changes_allowed() { "Test with its values" } @else { "Test on the command line" }
                    }
                }
            }
        }
    }
}

fn request(lookup: &LookupRecord) -> Markup {
    let outcome = lookup.outcome.as_ref();
    let sent = outcome.is_some_and(|outcome| outcome.asked_us.is_some());
    html! {
        @if let Some(request) = outcome.and_then(|outcome| outcome.request.as_ref()) {
            p.asked { (if sent { "Asked " } else { "Would have asked " }) code { (request) } }
        } @else if outcome.is_some() && !sent {
            p.asked.quiet { "Nothing was sent." }
        }
    }
}

/// Makes the table of tries, if the webhook may be tried more than once.
fn tries(state: &AdminState, lookup: &LookupRecord) -> Markup {
    let tries = lookup.outcome.as_ref().map(|outcome| &*outcome.tries);
    let tries = tries.unwrap_or_default();
    html! {
        @if !tries.is_empty() {
            section.scroll tabindex="0" aria-label="Tries" {
                table {
                    thead { tr { th scope="col" { "Try" } th scope="col" { "Took" } th scope="col" { "Outcome" } } }
                    tbody {
                        @for one in tries {
                            tr {
                                td.id { (state.mask.text(&one.url)) }
                                td {
                                    @match one.took_us {
                                        Some(took) => (format::duration(took)),
                                        None => "not sent",
                                    }
                                }
                                td {
                                    (one.reason.as_deref().unwrap_or(Reason::SUCCESS))
                                    @if let Some(status) = one.status { " " (status) }
                                    @if let Some(detail) = &one.detail { ": " (state.mask.text(detail)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sentence(lookup: &LookupRecord) -> Markup {
    let detail = lookup
        .outcome
        .as_ref()
        .and_then(|outcome| outcome.detail.as_deref());
    html! {
        @if let Some(detail) = detail { p.why { (detail) } }
    }
}

/// Returns the kept answer of a lookup.
fn kept_answer<'k>(
    kept: &'k [PersistedResponse],
    lookup: &LookupRecord,
) -> Option<&'k PersistedResponse> {
    let ended = lookup.began_ms + i64::try_from(lookup.held_us / 1_000).unwrap_or_default();
    let own = kept
        .iter()
        .filter(|answer| answer.webhook == lookup.webhook);
    let near = own.min_by_key(|answer| answer.at_ms.abs_diff(ended));
    near.filter(|answer| answer.at_ms.abs_diff(ended) < APART)
}

fn answer(state: &AdminState, lookup: &LookupRecord, kept: Option<&PersistedResponse>) -> Markup {
    let Some(outcome) = lookup
        .outcome
        .as_ref()
        .filter(|outcome| outcome.status.is_some())
    else {
        return html! {};
    };
    let summary = state.config_summary(&lookup.webhook);
    let raw = summary
        .and_then(|summary| summary.raw)
        .unwrap_or_else(|| VariableNames::default().response_raw);
    let body = kept.map(|kept| kept.variables.get(&raw).and_then(|body| body.as_str()));
    html! {
        @match body {
            Some(Some(body)) => (shown(state, outcome, body)),
            Some(None) => p.quiet.answer { "The answer had no body, or " code { "response.raw" } " keeps none." },
            None => p.quiet.answer {
                "The answer is not kept: " code { "persist_response = true" } " in "
                code { "[webhooks." (lookup.webhook) "]" } " keeps the answers of later calls."
            },
        }
    }
}

fn shown(state: &AdminState, outcome: &LookupSummary, body: &str) -> Markup {
    let cut = body.char_indices().nth(SHOWN).map(|(at, _)| at);
    let text = state.mask.text(&body[..cut.unwrap_or(body.len())]);
    let unread = [Reason::InvalidResponse, Reason::InvalidResponseMap].map(Reason::as_str);
    let is_unread = outcome
        .reason
        .as_deref()
        .is_some_and(|reason| unread.contains(&reason));
    html! {
        div.answer {
            p.quiet {
                @if is_unread { "The answer, which could not be used" } @else { "The answer" }
                ", " (format::bytes(body.len() as u64))
                @if cut.is_some() { ", its beginning" }
                ":"
            }
            pre tabindex="0" aria-label="Body of the answer" { (text) }
        }
    }
}

/// What set a flow variable.
pub(crate) enum VariableSource<'c> {
    /// The answer of this webhook.
    Answer(&'c str),
    /// Switchhook: the result of a request.
    Switchhook,
    /// The dialplan or the switch.
    Other,
}

/// Returns what set a flow variable (`name` without `flow.key.`). Of several answers, the last one
/// counts. A kept answer decides; without one, the webhook's settings of now do.
pub(crate) fn variable_source<'c>(
    state: &AdminState,
    call: &'c CallEntry,
    kept: &[PersistedResponse],
    name: &str,
) -> VariableSource<'c> {
    let sets = |lookup: &&LookupRecord| {
        let answered = lookup.reason() == Some(Reason::SUCCESS);
        let summary = state.config_summary(&lookup.webhook);
        let maps =
            summary.is_some_and(|summary| summary.mapped.iter().any(|mapped| mapped == name));
        match kept_answer(kept, lookup) {
            Some(kept) => kept.variables.contains_key(&flow_key(name)),
            None => answered && maps,
        }
    };
    let table = VariableNames::default();
    let mut table = table.all().into_iter();
    if table.any(|(_, full)| full.strip_prefix(FLOW_KEY) == Some(name)) {
        return VariableSource::Switchhook;
    }
    let set = call.history.runs.iter().rev().find(sets);
    set.map_or(VariableSource::Other, |lookup| {
        VariableSource::Answer(&lookup.webhook)
    })
}
