//! Each webhook's health.

use maud::{Markup, html};

use crate::config_summary::ConfigSummary;
use crate::http::Ops;
use crate::{format, svg};
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_core::outcome::Reason;
use switchhook_store::Backlog;

use super::health::Health;
use super::unread;

/// The address of its card.
pub(crate) fn address(name: &str) -> String {
    format!("/webhooks#webhook-{name}")
}

/// Its name, as a link to its card.
pub(crate) fn link(name: &str) -> Markup {
    html! { a.name href=(address(name)) { (name) } }
}

/// The short list of the first view.
pub(crate) fn brief(ops: &Ops) -> Markup {
    let text = ops.metrics.render();
    let all = Health::all(ops, &MetricsReader::new(&text));
    html! {
        ul.hooks {
            @for one in all.iter().filter(|one| one.rest.is_some() || !one.samples.is_empty()) {
                li {
                    div.row {
                        (link(&one.name))
                        @if one.is_ill() { (one.pill(ops)) }
                        span.end { (format::share(one.well(), one.samples.len())) span.quiet { " line 0" } }
                    }
                    (svg::answers(&one.samples))
                    div.row.quiet { span { "half within " (one.within(50)) } span.end { (one.rate()) } }
                }
            }
        }
        @if all.iter().all(|one| one.samples.is_empty()) {
            p.empty { "No webhook was asked yet." }
        }
    }
}

/// The view of all.
pub(crate) async fn body(ops: &Ops) -> Markup {
    let text = ops.metrics.render();
    let figures = MetricsReader::new(&text);
    let backlogs = ops.store.backlogs().await;
    let mut all = Health::all(ops, &figures);
    // Those that documents do not reach are ill, too.
    let troubled = |one: &Health| {
        let of = |backlog: &&Backlog| backlog.endpoint == one.name && backlog.paused.is_some();
        one.is_ill()
            || Slowed::of(&one.name, &figures).is_some()
            || backlogs.iter().flatten().any(|one| of(&one))
    };
    all.sort_by_key(|one| !troubled(one));
    html! {
        h1 { "Webhooks" }
        @if let Err(error) = &backlogs { (unread(error)) }
        @for one in all.iter().filter(|one| shown(one, &figures)) {
            (card(ops, one, &figures, backlogs.as_deref().unwrap_or_default()))
        }
    }
}

/// Deliveries to a webhook that do not go as fast as they could.
struct Slowed {
    /// Seconds between two, when they keep failing; or else it asked for a pause.
    pause_s: Option<f64>,
    /// When the next may go out, ms since 1970.
    until_ms: i64,
}

impl Slowed {
    fn of(name: &str, figures: &MetricsReader<'_>) -> Option<Self> {
        let pause_s = figures.one(metric_names::DELIVERY_PAUSE, "endpoint", name);
        let until_s = figures.one(metric_names::DELIVERY_RESUMES, "endpoint", name);
        #[expect(clippy::cast_possible_truncation, reason = "a time of this age")]
        let until_ms = (until_s * 1e3) as i64;
        let pause_s = (pause_s > 0.0).then_some(pause_s);
        (pause_s.is_some() || until_ms > clock::now_ms()).then_some(Self { pause_s, until_ms })
    }
}

/// That of unknown names, only once there was one.
fn shown(one: &Health, figures: &MetricsReader<'_>) -> bool {
    one.name != metric_names::UNKNOWN || !reasons(&one.name, figures).is_empty()
}

fn card(ops: &Ops, one: &Health, figures: &MetricsReader<'_>, backlogs: &[Backlog]) -> Markup {
    let backlog = backlogs.iter().find(|backlog| backlog.endpoint == one.name);
    let unused = one.samples.is_empty()
        && reasons(&one.name, figures).is_empty()
        && attempts(&one.name, figures).is_empty()
        && backlog.is_none();
    html! {
        article.card id={ "webhook-" (one.name) } {
            div.row {
                h2 { (one.name) }
                (one.pill(ops))
                (delays(ops, one, figures, backlog))
                @if unused { span.quiet { "not asked since the start" } }
                @if one.name != metric_names::UNKNOWN {
                    a.end href={ "/webhooks/" (one.name) "/try" } aria-label={ "Try " (one.name) } { "Try it" }
                }
            }
            @if let Some(about) = ops.about(&one.name) { (settings(&about, one)) }
            @if !unused {
                @if one.samples.is_empty() {
                    p.empty { "No call waited for it since the start." }
                } @else {
                    (svg::answers(&one.samples))
                    (answers(one))
                }
                div.columns {
                    @if !one.samples.is_empty() || !reasons(&one.name, figures).is_empty() {
                        (reason_list(&one.name, figures))
                    }
                    (deliveries(&one.name, figures, backlog))
                }
            }
        }
    }
}

/// Why documents do not reach it as fast as they could.
fn delays(
    ops: &Ops,
    one: &Health,
    figures: &MetricsReader<'_>,
    backlog: Option<&Backlog>,
) -> Markup {
    let slowed = Slowed::of(&one.name, figures);
    let now_ms = clock::now_ms();
    html! {
        @if let Some(paused) = backlog.and_then(|backlog| backlog.paused.as_ref()) {
            span.pill.bad { "deliveries paused" }
            span { (paused) ". " code { "switchhook outbox resume " (one.name) } }
        } @else if let Some(Slowed { pause_s, until_ms }) = slowed {
            @let next = format::when(until_ms, now_ms, ops.time_zone);
            @match pause_s {
                Some(pause) => span.pill.bad title="Deliveries keep failing. The first one that is taken ends this, and the backlog follows." {
                    "deliveries slowed to one in " (pause) "\u{a0}s, "
                    @if until_ms > now_ms { "the next at " (next) } @else { "the next is due" }
                },
                None => span.pill.odd title="It answered with Retry-After." {
                    "deliveries wait until " (next) ", as it asked"
                },
            }
        }
    }
}

/// What the configuration says of it, in a line.
fn settings(about: &ConfigSummary, one: &Health) -> Markup {
    html! {
        p.quiet.settings {
            code { (about.method) " " (about.url) }
            @if about.in_background { ", asked in the background" } @else { ", timeout " (format::span(about.timeout)) }
            @if let Some(streams) = about.http2_streams { ", http2_streams " (streams) }
            @if let Some((failures, pause)) = about.rests { ", rests for " (format::span(pause)) " after " (failures) " failures in a row" }
            @if about.persists { ", answers are kept" }
            @if !one.samples.is_empty() { ", serves callers" }
            @for document in &about.documents { ", gets the " (document) }
            "."
        }
    }
}

fn answers(one: &Health) -> Markup {
    html! {
        dl.facts {
            div { dt { "Line 0" } dd { (format::share(one.well(), one.samples.len())) } }
            div { dt { "Rate" } dd { (one.rate()) } }
            @for (name, percent) in [("Half within", 50), ("95\u{a0}% within", 95), ("99\u{a0}% within", 99), ("Slowest", 100)] {
                div { dt { (name) } dd { (one.within(percent)) } }
            }
            div { dt { "Seen" } dd { "the last " (one.samples.len()) } }
        }
    }
}

/// Reasons that were given since the start, the commonest first.
fn reasons(webhook: &str, figures: &MetricsReader<'_>) -> Vec<(String, f64)> {
    let widgets = figures.of(metric_names::LOOKUPS);
    let own = widgets.filter(|sample| sample.label("webhook").as_deref() == Some(webhook));
    let counted = own.filter(|sample| sample.value > 0.0);
    let mut counted: Vec<(String, f64)> = counted
        .filter_map(|sample| Some((sample.label("reason")?, sample.value)))
        .collect();
    counted.sort_by(|one, other| other.1.total_cmp(&one.1));
    counted
}

fn reason_list(webhook: &str, figures: &MetricsReader<'_>) -> Markup {
    let counted = reasons(webhook, figures);
    let most = counted.first().map_or(1.0, |(_, count)| *count);
    html! {
        div {
            h3 { "Outcomes since the start" }
            @if counted.is_empty() { p.empty { "None." } }
            ul.bars {
                @for (reason, count) in &counted {
                    li {
                        @let of = if webhook == metric_names::UNKNOWN { "" } else { webhook };
                        a href={ "/calls?webhook=" (of) "&reason=" (reason) } { (reason) }
                        (svg::bar(count / most, reason == Reason::SUCCESS))
                        span.number { (count) }
                    }
                }
            }
        }
    }
}

/// Attempts at documents since the start, by what came of them.
fn attempts(webhook: &str, figures: &MetricsReader<'_>) -> Vec<(String, f64)> {
    let attempts = figures.of(metric_names::DELIVERIES);
    let own = attempts.filter(|sample| sample.label("endpoint").as_deref() == Some(webhook));
    own.filter(|sample| sample.value > 0.0)
        .filter_map(|sample| Some((sample.label("outcome")?, sample.value)))
        .collect()
}

fn deliveries(webhook: &str, figures: &MetricsReader<'_>, backlog: Option<&Backlog>) -> Markup {
    let counted = attempts(webhook, figures);
    let (waiting, dead) = backlog.map_or((0, 0), |one| (one.waiting + one.leased, one.dead));
    html! {
        div {
            h3 title="A document is what a webhook is told of a call that is over." { "Documents since the start" }
            @if counted.is_empty() && waiting + dead == 0 { p.empty { "None." } }
            ul.plain {
                @for (outcome, count) in &counted { li { b { (count) } " attempts " (outcome) } }
                @if waiting > 0 { li { a href={ "/outbox?webhook=" (webhook) "&state=waiting" } { (waiting) " waiting" } } }
                @if dead > 0 { li { a href={ "/outbox?webhook=" (webhook) "&state=dead" } { (dead) " given up" } } }
            }
        }
    }
}
