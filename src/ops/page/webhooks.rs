//! Each webhook's health.

use std::time::Duration;

use maud::{Markup, html};
use tokio::time::Instant;

use crate::board::Sample;
use crate::call::outcome::Reason;
use crate::meter;
use crate::ops::figures::Figures;
use crate::ops::http::Ops;
use crate::ops::{pictures, words};
use crate::store::Backlog;

use super::unread;

/// What the last answers of a webhook tell.
struct Health {
    name: String,
    samples: Vec<Sample>,
}

impl Health {
    /// Of every webhook that is counted, those with answers first.
    fn all(ops: &Ops, figures: &Figures<'_>) -> Vec<Self> {
        let mut samples = ops.board.samples();
        let names = figures.labels(meter::WIDGETS, "webhook");
        let mut all: Vec<Self> = names
            .into_iter()
            .map(|name| Self {
                samples: samples.remove(&name).unwrap_or_default(),
                name,
            })
            .collect();
        all.sort_by_key(|one| one.samples.is_empty());
        all
    }

    fn well(&self) -> usize {
        self.samples.iter().filter(|sample| sample.well).count()
    }

    /// The time within which a share of the answers came, µs.
    fn percentile(&self, percent: usize) -> Option<u64> {
        let asked = self.samples.iter().map(|sample| sample.asked_us);
        let mut asked: Vec<u32> = asked.filter(|us| *us > 0).collect();
        asked.sort_unstable();
        let at = (asked.len() * percent).div_ceil(100).saturating_sub(1);
        asked.get(at).map(|us| u64::from(*us))
    }

    /// Runs a minute: of the last minute, or of as much of it as is remembered.
    fn rate(&self) -> String {
        let minute = Duration::from_secs(60);
        let recent = self
            .samples
            .iter()
            .filter(|sample| sample.at.elapsed() < minute);
        let count = recent.count();
        let full = count > 0 && count == self.samples.len() && count >= 256;
        let span = self.samples.first().map(|first| Instant::now() - first.at);
        match span.filter(|_| full) {
            #[allow(clippy::cast_precision_loss)] // a few hundred
            Some(span) => format!(
                "{:.0} a second",
                count as f64 / span.as_secs_f64().max(0.001)
            ),
            None => format!("{count} in the last minute"),
        }
    }
}

/// The short list of the first view.
pub fn brief(ops: &Ops) -> Markup {
    let text = ops.metrics.render();
    let all = Health::all(ops, &Figures::new(&text));
    html! {
        ul.hooks {
            @for one in all.iter().filter(|one| !one.samples.is_empty()) {
                li {
                    div.row {
                        b { (one.name) }
                        span.end { (words::share(one.well(), one.samples.len())) span.quiet { " line 0" } }
                    }
                    (pictures::answers(&one.samples))
                    div.row.quiet { span { "half within " (time(one.percentile(50))) } span.end { (one.rate()) } }
                }
            }
        }
        @if all.iter().all(|one| one.samples.is_empty()) {
            p.empty { "No webhook was asked yet." }
        }
    }
}

fn time(us: Option<u64>) -> String {
    us.map_or_else(|| "–".into(), words::took)
}

/// The view of all.
pub async fn body(ops: &Ops) -> Markup {
    let text = ops.metrics.render();
    let figures = Figures::new(&text);
    let backlogs = ops.store.backlogs().await;
    html! {
        h1 { "Webhooks" }
        @if let Err(error) = &backlogs { (unread(error)) }
        @for one in Health::all(ops, &figures).iter().filter(|one| shown(one, &figures)) {
            (card(one, &figures, backlogs.as_deref().unwrap_or_default()))
        }
    }
}

/// That of unknown names, only once there was one.
fn shown(one: &Health, figures: &Figures<'_>) -> bool {
    one.name != meter::UNKNOWN || !reasons(&one.name, figures).is_empty()
}

fn card(one: &Health, figures: &Figures<'_>, backlogs: &[Backlog]) -> Markup {
    let backlog = backlogs.iter().find(|backlog| backlog.endpoint == one.name);
    html! {
        article.card {
            div.row {
                h2 { (one.name) }
                @if one.name != meter::UNKNOWN {
                    a.end href={ "/webhooks/" (one.name) "/try" } aria-label={ "Try " (one.name) } { "Try it" }
                }
                @if let Some(paused) = backlog.and_then(|backlog| backlog.paused.as_ref()) {
                    span.pill.bad { "deliveries paused" }
                    span { (paused) ". " code { "switchhook outbox resume " (one.name) } }
                }
            }
            @if one.samples.is_empty() {
                p.empty { "No call waited for it since the start." }
            } @else {
                (pictures::answers(&one.samples))
                (answers(one))
            }
            div.columns {
                (reason_list(&one.name, figures))
                (deliveries(&one.name, figures, backlog))
            }
        }
    }
}

fn answers(one: &Health) -> Markup {
    html! {
        dl.facts {
            div { dt { "Line 0" } dd { (words::share(one.well(), one.samples.len())) } }
            div { dt { "Rate" } dd { (one.rate()) } }
            @for (name, percent) in [("Half within", 50), ("95 % within", 95), ("99 % within", 99), ("Slowest", 100)] {
                div { dt { (name) } dd { (time(one.percentile(percent))) } }
            }
            div { dt { "Seen" } dd { "the last " (one.samples.len()) } }
        }
    }
}

/// Reasons that were given since the start, the commonest first.
fn reasons(webhook: &str, figures: &Figures<'_>) -> Vec<(String, f64)> {
    let widgets = figures.of(meter::WIDGETS);
    let own = widgets.filter(|sample| sample.label("webhook").as_deref() == Some(webhook));
    let counted = own.filter(|sample| sample.value > 0.0);
    let mut counted: Vec<(String, f64)> = counted
        .filter_map(|sample| Some((sample.label("reason")?, sample.value)))
        .collect();
    counted.sort_by(|one, other| other.1.total_cmp(&one.1));
    counted
}

fn reason_list(webhook: &str, figures: &Figures<'_>) -> Markup {
    let counted = reasons(webhook, figures);
    let most = counted.first().map_or(1.0, |(_, count)| *count);
    html! {
        div {
            h3 { "Outcomes since the start" }
            @if counted.is_empty() { p.empty { "None." } }
            ul.bars {
                @for (reason, count) in &counted {
                    li {
                        @if reason == Reason::SUCCESS {
                            span { (reason) }
                        } @else {
                            a href={ "/calls?line=1&q=" (reason) } { (reason) }
                        }
                        (pictures::bar(count / most, reason == Reason::SUCCESS))
                        span.number { (count) }
                    }
                }
            }
        }
    }
}

fn deliveries(webhook: &str, figures: &Figures<'_>, backlog: Option<&Backlog>) -> Markup {
    let attempts = figures.of(meter::DELIVERIES);
    let own = attempts.filter(|sample| sample.label("endpoint").as_deref() == Some(webhook));
    let counted: Vec<(String, f64)> = own
        .filter(|sample| sample.value > 0.0)
        .filter_map(|sample| Some((sample.label("outcome")?, sample.value)))
        .collect();
    let (waiting, dead) = backlog.map_or((0, 0), |one| (one.waiting + one.leased, one.dead));
    html! {
        div {
            h3 { "Deliveries since the start" }
            @if counted.is_empty() && waiting + dead == 0 { p.empty { "None." } }
            ul.plain {
                @for (outcome, count) in &counted { li { b { (count) } " attempts " (outcome) } }
                @if waiting > 0 { li { a href={ "/outbox?webhook=" (webhook) "&state=waiting" } { (waiting) " waiting" } } }
                @if dead > 0 { li { a href={ "/outbox?webhook=" (webhook) "&state=dead" } { (dead) " dead" } } }
            }
        }
    }
}
