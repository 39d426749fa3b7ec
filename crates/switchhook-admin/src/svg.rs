//! Pictures, made here as SVG: they say the same as the words beside them. Widths are in percent,
//! so that they fit a phone; colours come from the page's own style.

use std::time::Duration;

use chrono_tz::Tz;
use maud::{Markup, html};

use crate::live_calls::Sample;
use switchhook_core::call_history::{CallHistory, LegSummary, LookupRecord, LookupSummary};

use super::format;

/// A number as a share of a whole, in percent.
#[allow(clippy::cast_precision_loss)] // of a picture
fn percent(part: u128, whole: u128) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    100.0 * (part.min(whole) as f64) / whole as f64
}

fn at(percent: f64) -> String {
    format!("{percent:.2}%")
}

/// How much of a call's patience is used up.
pub(crate) fn patience(since: Duration, left: Duration) -> Markup {
    let share = percent(since.as_micros(), (since + left).as_micros());
    html! {
        svg.patience width="100%" height="6" aria-hidden="true" {
            rect.track width="100%" height="6" rx="3" {}
            rect.fill width=(at(share)) height="6" rx="3" {}
        }
    }
}

/// A bar of a list; `share` is from 0 to 1.
pub(crate) fn bar(share: f64, well: bool) -> Markup {
    html! {
        svg.bar width="100%" height="10" aria-hidden="true" {
            rect.track width="100%" height="10" rx="3" {}
            rect class=(if well { "good" } else { "bad" }) width=(at(100.0 * share)) height="10" rx="3" {}
        }
    }
}

/// The last answers of a webhook, the newest at the right: how long each took, and whether it
/// was a good one.
pub(crate) fn answers(samples: &[Sample]) -> Markup {
    let slowest = samples
        .iter()
        .map(|sample| sample.asked_us)
        .max()
        .unwrap_or(0);
    let well = samples.iter().filter(|sample| sample.well()).count();
    let label = format!(
        "The last {} answers, {well} of them well; the slowest took {}",
        samples.len(),
        format::took(slowest.into())
    );
    let slots = samples.len().max(40);
    #[allow(clippy::cast_precision_loss)] // at most 256
    let width = 100.0 / slots as f64;
    html! {
        svg.answers width="100%" height="44" role="img" aria-label=(label) {
            line.base x1="0" x2="100%" y1="43.5" y2="43.5" {}
            @for (place, sample) in samples.iter().enumerate() {
                @let height = 3.0 + 0.38 * percent(sample.asked_us.into(), slowest.into());
                @let place = slots - samples.len() + place;
                rect class=(if sample.well() { "good" } else { "bad" })
                    x=(at(percent(place as u128, slots as u128))) width=(at(width * 0.8))
                    y=(format!("{:.1}", 43.0 - height)) height=(format!("{height:.1}")) {}
            }
        }
    }
}

/// Where the time of a widget's run went.
pub(crate) fn phases(run: &LookupRecord) -> Markup {
    let parts = parts(run);
    let whole: u64 = parts.iter().map(|(_, _, us)| us).sum();
    let text: Vec<String> = parts
        .iter()
        .map(|(_, name, us)| format!("{name} {}", format::took(*us)))
        .collect();
    html! {
        svg.phases width="100%" height="14" role="img" aria-label=(text.join(", ")) {
            @for (place, (class, _, us)) in parts.iter().enumerate() {
                @let from: u64 = parts[..place].iter().map(|(_, _, us)| us).sum();
                rect class=(class) x=(at(percent(from.into(), whole.into())))
                    width=(at(percent((*us).into(), whole.into()))) height="14" {}
            }
        }
        ul.legend {
            @for (class, name, us) in &parts {
                li { span class={ "key " (class) } {} (name) " " b { (format::took(*us)) } }
            }
        }
    }
}

/// What is ours, then the request: until the headers, the body, and what it did not come to.
fn parts(run: &LookupRecord) -> Vec<(&'static str, &'static str, u64)> {
    let told = run.outcome.as_ref();
    let asked = told.and_then(|told| told.asked_us);
    let own = run.held_us.saturating_sub(asked.unwrap_or(0));
    let headers = told.and_then(|told| told.headers_us);
    let body = told.and_then(|told| told.body_us);
    let rest = asked
        .unwrap_or(0)
        .saturating_sub(headers.unwrap_or(0) + body.unwrap_or(0));
    let waited = match (asked, headers) {
        (Some(_), None) => waiting(told),
        (_, Some(_)) | (None, None) => "",
    };
    let all = [
        ("own", "time in Switchhook", own),
        ("headers", "webhook's own time", headers.unwrap_or(0)),
        ("body", "its body", body.unwrap_or(0)),
        ("rest", waited, rest),
    ];
    let seen = all
        .into_iter()
        .filter(|(_, name, us)| *us > 0 && !name.is_empty());
    seen.collect()
}

/// What a request that got no answer waited for, as far as that is known.
fn waiting(told: Option<&LookupSummary>) -> &'static str {
    let detail = told.and_then(|told| told.detail.as_deref());
    match detail {
        Some(detail) if detail.starts_with("could not connect") => "waiting for a connection",
        Some(detail) if detail.ends_with("connected to, and asked") => {
            "connected, request sent, no answer"
        }
        Some(_) | None => "waiting, no answer",
    }
}

/// Pixels of a leg.
const ROW: usize = 46;
/// Pixels of the axis.
const AXIS: usize = 22;

/// From the first start to the last end.
struct Span {
    from_us: i64,
    until_us: i64,
}

impl Span {
    fn of(story: &CallHistory) -> Option<Self> {
        let times = |leg: &LegSummary| [leg.created_us, leg.answered_us, leg.ended_us];
        let legs = story.legs.iter().flat_map(times).flatten();
        let runs = story.runs.iter().map(|run| run.began_ms * 1_000);
        let all: Vec<i64> = legs.chain(runs).collect();
        let (from_us, until_us) = (*all.iter().min()?, *all.iter().max()?);
        (from_us < until_us).then_some(Self { from_us, until_us })
    }

    fn place(&self, us: i64) -> f64 {
        let since = us.saturating_sub(self.from_us).max(0).unsigned_abs();
        percent(since.into(), self.until_us.abs_diff(self.from_us).into())
    }

    fn rect(&self, class: &str, from: i64, until: i64, y: usize, height: usize) -> Markup {
        let (from, until) = (self.place(from), self.place(until));
        html! {
            rect class=(class) x=(at(from)) width=(at((until - from).max(0.3))) y=(y) height=(height) {}
        }
    }
}

/// The legs on a time axis, with the time on hold, and who talked to whom.
pub(crate) fn legs(story: &CallHistory, zone: Tz) -> Markup {
    let Some(span) = Span::of(story) else {
        return html! {};
    };
    let height = story.legs.len() * ROW + AXIS;
    html! {
        svg.legs width="100%" height=(height) role="img" aria-label=(spoken(story)) {
            @for talk in &story.talks {
                @let (one, other) = (talk.legs.0 * ROW + 22, talk.legs.1 * ROW + 22);
                (span.rect("talk", talk.from_us, talk.until_us, one, other - one + 14))
            }
            @for (place, leg) in story.legs.iter().enumerate() {
                (bars(&span, leg, story, place * ROW))
            }
            (axis(&span, height, zone))
        }
        ul.legend {
            li { span.key.ring {} "ringing" }
            li { span.key.up {} "answered" }
            @if !story.runs.is_empty() { li { span.key.hold {} "on hold for a webhook" } }
            @if !story.talks.is_empty() { li { span.key.talk {} "talking to each other" } }
        }
    }
}

fn bars(span: &Span, leg: &LegSummary, story: &CallHistory, top: usize) -> Markup {
    let created = leg.created_us.unwrap_or(span.from_us);
    let ended = leg.ended_us.unwrap_or(span.until_us);
    let answered = leg.answered_us.unwrap_or(ended).min(ended);
    let runs = story.runs.iter().filter(|run| run.uuid == leg.uuid);
    html! {
        text.name x="0" y=(top + 14) { (name(leg)) }
        text.cause x="100%" y=(top + 14) text-anchor="end" { (end(leg)) }
        (span.rect("ring", created, answered, top + 22, 14))
        @if leg.answered_us.is_some() { (span.rect("up", answered, ended, top + 22, 14)) }
        @for run in runs {
            @let until = run.began_ms * 1_000 + i64::try_from(run.held_us).unwrap_or(i64::MAX);
            (span.rect("hold", run.began_ms * 1_000, until.min(ended), top + 25, 8))
        }
    }
}

fn axis(span: &Span, height: usize, zone: Tz) -> Markup {
    let clock = |us: i64| format::clock(us / 1_000, zone);
    let time = format::took(span.until_us.abs_diff(span.from_us));
    html! {
        line.base x1="0" x2="100%" y1=(height - AXIS + 4) y2=(height - AXIS + 4) {}
        text.tick x="0" y=(height - 3) { (clock(span.from_us)) }
        text.tick x="50%" y=(height - 3) text-anchor="middle" { (time) }
        text.tick x="100%" y=(height - 3) text-anchor="end" { (clock(span.until_us)) }
    }
}

fn name(leg: &LegSummary) -> String {
    match leg.number.is_empty() {
        true => leg.part.clone(),
        false => format!("{} {}", leg.part, leg.number),
    }
}

fn end(leg: &LegSummary) -> String {
    let cause = leg.cause.clone().unwrap_or_default();
    match leg.remote_hangup {
        Some(true) => format!("{cause}, hung up there"),
        Some(false) | None => cause,
    }
}

/// How a leg ended, in words.
pub(crate) fn ended(leg: &LegSummary) -> String {
    let answered = if leg.answered_us.is_some() {
        "answered"
    } else {
        "not answered"
    };
    format!("{}: {answered}, {}", name(leg), end(leg))
}

/// Who talked to whom for how long (µs), in words.
pub(crate) fn talks(story: &CallHistory) -> Vec<(String, String, u64)> {
    let named = |place: usize| story.legs.get(place).map(name);
    let talks = story.talks.iter();
    talks
        .filter_map(|talk| {
            let time = talk.until_us.abs_diff(talk.from_us);
            Some((named(talk.legs.0)?, named(talk.legs.1)?, time))
        })
        .collect()
}

fn spoken(story: &CallHistory) -> String {
    let legs = story.legs.iter().map(|leg| match leg.answered_us {
        Some(_) => format!("{} answered", name(leg)),
        None => format!("{} did not answer", name(leg)),
    });
    format!(
        "The legs of the call in time: {}",
        legs.collect::<Vec<_>>().join("; ")
    )
}
