//! Pictures as SVG. Each shows what the words beside it say.
//!
//! Widths are in percent, so that they fit a phone; colours come from the page's style sheet.

use std::time::Duration;

use maud::{Markup, html};
use switchhook_core::zone::Zone;

use crate::live_calls::LookupSample;
use switchhook_core::call_history::{CallHistory, LegSummary, LookupRecord, LookupSummary};

use crate::format;

/// Returns a part of a whole in percent.
#[allow(clippy::cast_precision_loss)] // exact enough for a picture
fn percent(part: u128, whole: u128) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    100.0 * (part.min(whole) as f64) / whole as f64
}

fn at(percent: f64) -> String {
    format!("{percent:.2}%")
}

/// Draws how much of the time on hold is used up.
pub(crate) fn hold_progress(since: Duration, left: Duration) -> Markup {
    let share = percent(since.as_micros(), (since + left).as_micros());
    html! {
        svg.patience width="100%" height="6" aria-hidden="true" {
            rect.track width="100%" height="6" rx="3" {}
            rect.fill width=(at(share)) height="6" rx="3" {}
        }
    }
}

/// Draws a bar of a list; `share` is from 0 to 1.
pub(crate) fn bar(share: f64, good: bool) -> Markup {
    html! {
        svg.bar width="100%" height="10" aria-hidden="true" {
            rect.track width="100%" height="10" rx="3" {}
            rect class=(if good { "good" } else { "bad" }) width=(at(100.0 * share)) height="10" rx="3" {}
        }
    }
}

/// Draws the last lookups of a webhook, the latest at the right: the time of each, and whether it
/// succeeded.
pub(crate) fn answers(samples: &[LookupSample]) -> Markup {
    let slowest = samples
        .iter()
        .map(|sample| sample.asked_us)
        .max()
        .unwrap_or(0);
    let succeeded = samples.iter().filter(|sample| sample.succeeded()).count();
    let label = format!(
        "The last {} answers, {succeeded} successful; the slowest took {}",
        samples.len(),
        format::duration(slowest.into())
    );
    let slots = samples.len().max(40);
    #[allow(clippy::cast_precision_loss)] // at most 256
    let width = 100.0 / slots as f64;
    html! {
        svg.answers width="100%" height="44" role="img" aria-label=(label) {
            line.base x1="0" x2="100%" y1="43.5" y2="43.5" {}
            @for (index, sample) in samples.iter().enumerate() {
                @let height = 3.0 + 0.38 * percent(sample.asked_us.into(), slowest.into());
                @let slot = slots - samples.len() + index;
                rect class=(if sample.succeeded() { "good" } else { "bad" })
                    x=(at(percent(slot as u128, slots as u128))) width=(at(width * 0.8))
                    y=(format!("{:.1}", 43.0 - height)) height=(format!("{height:.1}")) {}
            }
        }
    }
}

/// Draws the phases of a lookup.
pub(crate) fn phases(lookup: &LookupRecord) -> Markup {
    let parts = parts(lookup);
    let whole: u64 = parts.iter().map(|(_, _, us)| us).sum();
    let text: Vec<String> = parts
        .iter()
        .map(|(_, name, us)| format!("{name} {}", format::duration(*us)))
        .collect();
    html! {
        svg.phases width="100%" height="14" role="img" aria-label=(text.join(", ")) {
            @for (index, (class, _, us)) in parts.iter().enumerate() {
                @let from: u64 = parts[..index].iter().map(|(_, _, us)| us).sum();
                rect class=(class) x=(at(percent(from.into(), whole.into())))
                    width=(at(percent((*us).into(), whole.into()))) height="14" {}
            }
        }
        ul.legend {
            @for (class, name, us) in &parts {
                li { span class={ "key " (class) } {} (name) " " b { (format::duration(*us)) } }
            }
        }
    }
}

/// Returns class, name and time (µs) of each phase: Switchhook's own, until the headers, the body,
/// and the wait for what did not arrive.
fn parts(lookup: &LookupRecord) -> Vec<(&'static str, &'static str, u64)> {
    let outcome = lookup.outcome.as_ref();
    let asked = outcome.and_then(|outcome| outcome.asked_us);
    let own = lookup.held_us.saturating_sub(asked.unwrap_or(0));
    let headers = outcome.and_then(|outcome| outcome.headers_us);
    let body = outcome.and_then(|outcome| outcome.body_us);
    let rest = asked
        .unwrap_or(0)
        .saturating_sub(headers.unwrap_or(0) + body.unwrap_or(0));
    let wait = match (asked, headers) {
        (Some(_), None) => wait_name(outcome),
        (_, Some(_)) | (None, None) => "",
    };
    let all = [
        ("own", "time in Switchhook", own),
        ("headers", "webhook's own time", headers.unwrap_or(0)),
        ("body", "its body", body.unwrap_or(0)),
        ("rest", wait, rest),
    ];
    let seen = all
        .into_iter()
        .filter(|(_, name, us)| *us > 0 && !name.is_empty());
    seen.collect()
}

/// Returns what a request without an answer waited for, as far as it is known.
fn wait_name(outcome: Option<&LookupSummary>) -> &'static str {
    match outcome.and_then(|outcome| outcome.connected) {
        Some(false) => "waiting for a connection",
        Some(true) => "connected, request sent, no answer",
        None => "waiting, no answer",
    }
}

/// Height of a leg, in pixels.
const ROW: usize = 46;
/// Height of the axis, in pixels.
const AXIS: usize = 22;

/// The time from the first start to the last end.
struct TimeRange {
    from_us: i64,
    until_us: i64,
}

impl TimeRange {
    fn of(history: &CallHistory) -> Option<Self> {
        let times = |leg: &LegSummary| [leg.created_us, leg.answered_us, leg.ended_us];
        let legs = history.legs.iter().flat_map(times).flatten();
        let runs = history.runs.iter().map(|lookup| lookup.began_ms * 1_000);
        let all: Vec<i64> = legs.chain(runs).collect();
        let (from_us, until_us) = (*all.iter().min()?, *all.iter().max()?);
        (from_us < until_us).then_some(Self { from_us, until_us })
    }

    fn position(&self, us: i64) -> f64 {
        let since = us.saturating_sub(self.from_us).max(0).unsigned_abs();
        percent(since.into(), self.until_us.abs_diff(self.from_us).into())
    }

    fn rect(&self, class: &str, from: i64, until: i64, y: usize, height: usize) -> Markup {
        let (from, until) = (self.position(from), self.position(until));
        html! {
            rect class=(class) x=(at(from)) width=(at((until - from).max(0.3))) y=(y) height=(height) {}
        }
    }
}

/// Draws the legs on a time axis, with the times on hold and the talks.
pub(crate) fn legs(history: &CallHistory, zone: Zone) -> Markup {
    let Some(span) = TimeRange::of(history) else {
        return html! {};
    };
    let height = history.legs.len() * ROW + AXIS;
    html! {
        svg.legs width="100%" height=(height) role="img" aria-label=(alt_text(history)) {
            @for talk in &history.talks {
                @let (upper, lower) = (talk.legs.0 * ROW + 22, talk.legs.1 * ROW + 22);
                (span.rect("talk", talk.from_us, talk.until_us, upper, lower - upper + 14))
            }
            @for (index, leg) in history.legs.iter().enumerate() {
                (bars(&span, leg, history, index * ROW))
            }
            (axis(&span, height, zone))
        }
        ul.legend {
            li { span.key.ring {} "ringing" }
            li { span.key.up {} "answered" }
            @if !history.runs.is_empty() { li { span.key.hold {} "on hold for a webhook" } }
            @if !history.talks.is_empty() { li { span.key.talk {} "talking to each other" } }
        }
    }
}

fn bars(span: &TimeRange, leg: &LegSummary, history: &CallHistory, top: usize) -> Markup {
    let created = leg.created_us.unwrap_or(span.from_us);
    let ended = leg.ended_us.unwrap_or(span.until_us);
    let answered = leg.answered_us.unwrap_or(ended).min(ended);
    let runs = history.runs.iter().filter(|lookup| lookup.uuid == leg.uuid);
    html! {
        text.name x="0" y=(top + 14) { (name(leg)) }
        text.cause x="100%" y=(top + 14) text-anchor="end" { (end(leg)) }
        (span.rect("ring", created, answered, top + 22, 14))
        @if leg.answered_us.is_some() { (span.rect("up", answered, ended, top + 22, 14)) }
        @for lookup in runs {
            @let until = lookup.began_ms * 1_000 + i64::try_from(lookup.held_us).unwrap_or(i64::MAX);
            (span.rect("hold", lookup.began_ms * 1_000, until.min(ended), top + 25, 8))
        }
    }
}

fn axis(span: &TimeRange, height: usize, zone: Zone) -> Markup {
    let clock = |us: i64| format::time_of_day(us / 1_000, zone);
    let time = format::duration(span.until_us.abs_diff(span.from_us));
    html! {
        line.base x1="0" x2="100%" y1=(height - AXIS + 4) y2=(height - AXIS + 4) {}
        text.tick x="0" y=(height - 3) { (clock(span.from_us)) }
        text.tick x="50%" y=(height - 3) text-anchor="middle" { (time) }
        text.tick x="100%" y=(height - 3) text-anchor="end" { (clock(span.until_us)) }
    }
}

fn name(leg: &LegSummary) -> String {
    if leg.number.is_empty() {
        leg.part.clone()
    } else {
        format!("{} {}", leg.part, leg.number)
    }
}

fn end(leg: &LegSummary) -> String {
    let cause = leg.cause.clone().unwrap_or_default();
    match leg.remote_hangup {
        Some(true) => format!("{cause}, hung up by that party"),
        Some(false) | None => cause,
    }
}

/// Returns how a leg ended, in words.
pub(crate) fn ended(leg: &LegSummary) -> String {
    let answered = if leg.answered_us.is_some() {
        "answered"
    } else {
        "not answered"
    };
    let recording = leg.recording_failed.as_deref();
    let recording = recording.map_or(String::new(), |cause| {
        format!(", no recording: the switch could not open its file ({cause})")
    });
    format!("{}: {answered}, {}{recording}", name(leg), end(leg))
}

/// Returns the two legs of each talk, in words, and its time in µs.
pub(crate) fn talks(history: &CallHistory) -> Vec<(String, String, u64)> {
    let named = |index: usize| history.legs.get(index).map(name);
    let talks = history.talks.iter();
    talks
        .filter_map(|talk| {
            let time = talk.until_us.abs_diff(talk.from_us);
            Some((named(talk.legs.0)?, named(talk.legs.1)?, time))
        })
        .collect()
}

fn alt_text(history: &CallHistory) -> String {
    let legs = history.legs.iter().map(|leg| match leg.answered_us {
        Some(_) => format!("{} answered", name(leg)),
        None => format!("{} did not answer", name(leg)),
    });
    format!(
        "The legs of the call over time: {}",
        legs.collect::<Vec<_>>().join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_without_an_answer_is_named_by_the_state_of_the_connection() {
        for (connected, expected) in [
            (Some(false), "waiting for a connection"),
            (Some(true), "connected, request sent, no answer"),
            (None, "waiting, no answer"),
        ] {
            let lookup = LookupRecord {
                held_us: 3_000,
                outcome: Some(LookupSummary {
                    asked_us: Some(2_000),
                    connected,
                    ..LookupSummary::default()
                }),
                ..LookupRecord::default()
            };
            let expected = [
                ("own", "time in Switchhook", 1_000),
                ("rest", expected, 2_000),
            ];
            assert_eq!(parts(&lookup), expected);
        }
    }
}
