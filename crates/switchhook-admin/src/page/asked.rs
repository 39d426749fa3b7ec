//! The webhooks that a call asked: what was sent, where the time went, what came back.

use maud::{Markup, html};

use crate::calls::Told;
use crate::http::Ops;
use crate::{format, svg};
use switchhook_core::call_history::{LookupRecord, LookupSummary as Outcome};
use switchhook_core::outcome::Reason;
use switchhook_core::variables::{FLOW_KEY, Names, flow_key};
use switchhook_store::KeptResponse;

use super::{components, webhooks};

/// Characters of an answer that are shown.
const SHOWN: usize = 4 * 1024;
/// Between a run's end and the moment when its answer was kept, ms.
const APART: u64 = 60_000;

/// All of them, in the order in which they ended.
pub(crate) fn section(ops: &Ops, call: &Told, kept: &[KeptResponse]) -> Markup {
    let runs = &call.story.runs;
    html! {
        @if !runs.is_empty() {
            section aria-labelledby="widgets" {
                h2 #widgets title="Each is a widget of the dialplan." { "Webhooks asked" }
                @for run in runs {
                    article.card {
                        (heading(ops, call, run))
                        (request(run))
                        (svg::phases(run))
                        @if runs.len() > 1 { (sentence(run)) }
                        (answer(ops, run, of_run(kept, run)))
                    }
                }
            }
        }
    }
}

fn heading(ops: &Ops, call: &Told, run: &LookupRecord) -> Markup {
    let status = run.outcome.as_ref().and_then(|told| told.status);
    html! {
        div.row {
            (webhooks::link(&run.webhook))
            (components::outcome(run))
            @if let Some(status) = status { span { "HTTP " (status) } }
            span.end.quiet {
                (format::clock(run.began_ms, ops.time_zone)) ", held for " (format::took(run.held_us)) ". "
                @if ops.about(&run.webhook).is_some() {
                    a href={ "/webhooks/" (run.webhook) "/try?call=" (call.uuid) } {
                        @if ops.may_change { "Ask again with its values" } @else { "Ask again on the command line" }
                    }
                }
            }
        }
    }
}

fn request(run: &LookupRecord) -> Markup {
    let told = run.outcome.as_ref();
    let sent = told.is_some_and(|told| told.asked_us.is_some());
    html! {
        @if let Some(request) = told.and_then(|told| told.request.as_ref()) {
            p.asked { (if sent { "Asked " } else { "Would have asked " }) code { (request) } }
        } @else if told.is_some() && !sent {
            p.asked.quiet { "Nothing was sent." }
        }
    }
}

fn sentence(run: &LookupRecord) -> Markup {
    let detail = run.outcome.as_ref().and_then(|told| told.detail.as_deref());
    html! {
        @if let Some(detail) = detail { p.why { (detail) } }
    }
}

/// What was kept of a run's answer.
fn of_run<'k>(kept: &'k [KeptResponse], run: &LookupRecord) -> Option<&'k KeptResponse> {
    let ended = run.began_ms + i64::try_from(run.held_us / 1_000).unwrap_or_default();
    let own = kept.iter().filter(|one| one.webhook == run.webhook);
    let near = own.min_by_key(|one| one.at_ms.abs_diff(ended));
    near.filter(|one| one.at_ms.abs_diff(ended) < APART)
}

fn answer(ops: &Ops, run: &LookupRecord, kept: Option<&KeptResponse>) -> Markup {
    let Some(told) = run.outcome.as_ref().filter(|told| told.status.is_some()) else {
        return html! {};
    };
    let about = ops.about(&run.webhook);
    let raw = about
        .and_then(|about| about.raw)
        .unwrap_or_else(|| Names::default().response_raw);
    let body = kept.map(|kept| kept.variables.get(&raw).and_then(|body| body.as_str()));
    html! {
        @match body {
            Some(Some(body)) => (shown(ops, told, body)),
            Some(None) => p.quiet.answer { "It came back without a body, or " code { "response.raw" } " keeps none." },
            None => p.quiet.answer {
                "What came back is not kept: " code { "persist_response = true" } " in "
                code { "[webhooks." (run.webhook) "]" } " keeps it, from the next call on."
            },
        }
    }
}

fn shown(ops: &Ops, told: &Outcome, body: &str) -> Markup {
    let cut = body.char_indices().nth(SHOWN).map(|(at, _)| at);
    let text = ops.mask.text(&body[..cut.unwrap_or(body.len())]);
    let unread = [Reason::InvalidResponse, Reason::InvalidResponseMap].map(Reason::as_str);
    let is_unread = told
        .reason
        .as_deref()
        .is_some_and(|reason| unread.contains(&reason));
    html! {
        div.answer {
            p.quiet {
                @if is_unread { "What came back, and could not be used" } @else { "What came back" }
                ", " (format::bytes(body.len() as u64))
                @if cut.is_some() { ", its beginning" }
                ":"
            }
            pre tabindex="0" aria-label="Body of the answer" { (text) }
        }
    }
}

/// Who set a flow variable.
pub(crate) enum Setter<'c> {
    /// The answer of this webhook.
    Answer(&'c str),
    /// We, for whichever webhook was asked: how its request went.
    Ourselves,
    /// Nobody of ours.
    Another,
}

/// Who set a flow variable (its name without `flow.key.`). Of several answers the last one; by
/// what is kept, else by what the webhook's settings say now.
pub(crate) fn setter<'c>(
    ops: &Ops,
    call: &'c Told,
    kept: &[KeptResponse],
    name: &str,
) -> Setter<'c> {
    let sets = |run: &&LookupRecord| {
        let answered = run.reason() == Some(Reason::SUCCESS);
        let about = ops.about(&run.webhook);
        let maps = about.is_some_and(|about| about.mapped.iter().any(|mapped| mapped == name));
        match of_run(kept, run) {
            Some(kept) => kept.variables.contains_key(&flow_key(name)),
            None => answered && maps,
        }
    };
    let table = Names::default();
    let mut table = table.all().into_iter();
    if table.any(|(_, full)| full.strip_prefix(FLOW_KEY) == Some(name)) {
        return Setter::Ourselves;
    }
    let set = call.story.runs.iter().rev().find(sets);
    set.map_or(Setter::Another, |run| Setter::Answer(&run.webhook))
}
