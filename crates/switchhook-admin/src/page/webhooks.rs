//! The view of the webhooks: a card for each with its health, lookups and deliveries.

use maud::{Markup, html};

use super::address::address;
use crate::config_summary::ConfigSummary;
use crate::state::AdminState;
use crate::{format, svg};
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_core::outcome::Reason;
use switchhook_core::shell;
use switchhook_store::EndpointBacklog;

use super::components;
use super::webhook_health::WebhookHealth;

/// Makes the short list of the first view.
pub(crate) fn brief(state: &AdminState) -> Markup {
    let text = state.metrics.render();
    let all = WebhookHealth::all(state, &MetricsReader::new(&text));
    html! {
        ul.hooks {
            @for webhook in all.iter().filter(|webhook| webhook.has_trouble() || !webhook.samples.is_empty()) {
                li {
                    div.row {
                        (components::webhook_link(&webhook.name))
                        @if webhook.has_trouble() { (webhook.status_pill(state)) }
                        span.end { (format::percentage(webhook.succeeded(), webhook.samples.len())) span.quiet { " line 0" } }
                    }
                    (svg::answers(&webhook.samples))
                    div.row.quiet { span { "half within " (webhook.within(50)) } span.end { (webhook.rate()) } }
                }
            }
        }
        @if all.iter().all(|webhook| webhook.samples.is_empty()) {
            p.empty { "No webhook was asked yet." }
        }
    }
}

/// Makes the view of all webhooks.
pub(crate) async fn body(state: &AdminState) -> Markup {
    let text = state.metrics.render();
    let reader = MetricsReader::new(&text);
    let backlogs = state.store.backlogs().await;
    let mut all = WebhookHealth::all(state, &reader);
    // A webhook whose deliveries fail is listed first, too.
    let has_trouble = |webhook: &WebhookHealth| {
        let paused = |backlog: &EndpointBacklog| {
            backlog.endpoint == webhook.name && backlog.paused.is_some()
        };
        webhook.has_trouble()
            || DeliveryBackoff::of(&webhook.name, state).is_some()
            || backlogs.iter().flatten().any(paused)
    };
    all.sort_by_key(|webhook| !has_trouble(webhook));
    html! {
        h1 { "Webhooks" }
        @if let Err(error) = &backlogs { (components::store_error(error)) }
        @for webhook in all.iter().filter(|webhook| is_shown(webhook, &reader)) {
            (card(state, webhook, &reader, backlogs.as_deref().unwrap_or_default()))
        }
    }
}

/// The backoff of the deliveries to a webhook.
struct DeliveryBackoff {
    /// Seconds between two attempts if they keep failing; `None` if a `Retry-After` set the pause.
    pause_s: Option<f64>,
    /// The time of the next attempt, ms since 1970.
    until_ms: i64,
}

impl DeliveryBackoff {
    fn of(name: &str, state: &AdminState) -> Option<Self> {
        let slowed = state.endpoint_statuses.slowed(clock::now_ms());
        let failing = slowed.get(name)?;
        let pause_s = failing.pause.as_secs_f64();
        Some(Self {
            pause_s: (pause_s > 0.0).then_some(pause_s),
            until_ms: failing.next_ms.unwrap_or_default(),
        })
    }
}

/// Whether a card is shown; that of unknown webhook names only if a call used one.
fn is_shown(webhook: &WebhookHealth, reader: &MetricsReader<'_>) -> bool {
    webhook.name != metric_names::UNKNOWN || !reasons(&webhook.name, reader).is_empty()
}

fn card(
    state: &AdminState,
    webhook: &WebhookHealth,
    reader: &MetricsReader<'_>,
    backlogs: &[EndpointBacklog],
) -> Markup {
    let backlog = backlogs
        .iter()
        .find(|backlog| backlog.endpoint == webhook.name);
    let unused = webhook.samples.is_empty()
        && reasons(&webhook.name, reader).is_empty()
        && attempts(&webhook.name, reader).is_empty()
        && backlog.is_none();
    html! {
        article.card id={ "webhook-" (webhook.name) } {
            div.row {
                h2 { (webhook.name) }
                (webhook.status_pill(state))
                (delivery_status(state, webhook, backlog))
                @if unused { span.quiet { "not asked since the start" } }
                @if webhook.name != metric_names::UNKNOWN {
                    a.end href=(address(&["webhooks", &webhook.name, "try"], &[])) aria-label={ "Try it: " (webhook.name) } { "Try it" }
                }
            }
            @if let Some(summary) = state.config_summary(&webhook.name) {
                (settings(&summary, webhook))
                (webhook.circuit_list(state, &summary.urls()))
            }
            @if !unused {
                @if webhook.samples.is_empty() {
                    p.empty { "No call waited for it since the start." }
                } @else {
                    (svg::answers(&webhook.samples))
                    (answers(webhook))
                }
                div.columns {
                    @if !webhook.samples.is_empty() || !reasons(&webhook.name, reader).is_empty() {
                        (reason_list(&webhook.name, reader))
                    }
                    (deliveries(&webhook.name, reader, backlog))
                }
            }
        }
    }
}

/// Makes the reason why deliveries are paused or back off.
fn delivery_status(
    state: &AdminState,
    webhook: &WebhookHealth,
    backlog: Option<&EndpointBacklog>,
) -> Markup {
    let backoff = DeliveryBackoff::of(&webhook.name, state);
    let now_ms = clock::now_ms();
    html! {
        @if let Some(paused) = backlog.and_then(|backlog| backlog.paused.as_ref()) {
            span.pill.bad { "deliveries paused" }
            span { (paused) ". " code { (shell::command(["switchhook", "outbox", "resume", &webhook.name])) } }
        } @else if let Some(DeliveryBackoff { pause_s, until_ms }) = backoff {
            @let next = format::time_or_date(until_ms, now_ms, state.time_zone);
            @match pause_s {
                Some(pause) => span.pill.bad title="Deliveries keep failing. The first delivery that succeeds ends the backoff; the backlog follows." {
                    "deliveries back off: one every " (pause) "\u{a0}s, "
                    @if until_ms > now_ms { "next at " (next) } @else { "next is due" }
                },
                None => span.pill.odd title="The receiver answered with Retry-After." {
                    "deliveries wait until " (next) " (Retry-After)"
                },
            }
        }
    }
}

/// Makes the line with the settings of a webhook.
fn settings(summary: &ConfigSummary, webhook: &WebhookHealth) -> Markup {
    html! {
        p.quiet.settings {
            code { (summary.method) " " (summary.url) }
            @for url in &summary.fallback_urls { ", then " code { (url) } }
            @if summary.in_background { ", asked in the background" } @else { ", timeout " (format::seconds(summary.timeout)) }
            @if let Some(streams) = summary.http2_streams { ", http2_streams " (streams) }
            @if let Some((failures, pause)) = summary.breaker { ", circuit opens for " (format::seconds(pause)) " after " (failures) " failures in a row" }
            @if summary.persists { ", answers are kept" }
            @if !webhook.samples.is_empty() { ", asked by calls" }
            @for document in &summary.documents { ", receives the " (document) }
            "."
        }
    }
}

fn answers(webhook: &WebhookHealth) -> Markup {
    html! {
        dl.facts {
            div { dt { "Line 0" } dd { (format::percentage(webhook.succeeded(), webhook.samples.len())) } }
            div { dt { "Rate" } dd { (webhook.rate()) } }
            @for (name, percent) in [("Half within", 50), ("95\u{a0}% within", 95), ("99\u{a0}% within", 99), ("Slowest", 100)] {
                div { dt { (name) } dd { (webhook.within(percent)) } }
            }
            div { dt { "Based on" } dd { "the last " (webhook.samples.len()) } }
        }
    }
}

/// Returns the outcomes since the start with their numbers, the commonest first.
fn reasons(webhook: &str, reader: &MetricsReader<'_>) -> Vec<(String, f64)> {
    let lookups = reader.of(metric_names::LOOKUPS);
    let own = lookups.filter(|sample| sample.label("webhook").as_deref() == Some(webhook));
    let counted = own.filter(|sample| sample.value > 0.0);
    let mut counted: Vec<(String, f64)> = counted
        .filter_map(|sample| Some((sample.label("reason")?, sample.value)))
        .collect();
    counted.sort_by(|(_, first), (_, second)| second.total_cmp(first));
    counted
}

fn reason_list(webhook: &str, reader: &MetricsReader<'_>) -> Markup {
    let counted = reasons(webhook, reader);
    let most = counted.first().map_or(1.0, |(_, count)| *count);
    html! {
        div {
            h3 { "Outcomes since the start" }
            @if counted.is_empty() { p.empty { "None." } }
            ul.bars {
                @for (reason, count) in &counted {
                    li {
                        @let of = if webhook == metric_names::UNKNOWN { "" } else { webhook };
                        a href=(address(&["calls"], &[("webhook", of), ("reason", reason)])) { (reason) }
                        (svg::bar(count / most, reason == Reason::SUCCESS))
                        span.number { (count) }
                    }
                }
            }
        }
    }
}

/// Returns the numbers of delivery attempts since the start, by outcome.
fn attempts(webhook: &str, reader: &MetricsReader<'_>) -> Vec<(String, f64)> {
    let attempts = reader.of(metric_names::DELIVERIES);
    let own = attempts.filter(|sample| sample.label("endpoint").as_deref() == Some(webhook));
    own.filter(|sample| sample.value > 0.0)
        .filter_map(|sample| Some((sample.label("outcome")?, sample.value)))
        .collect()
}

fn deliveries(
    webhook: &str,
    reader: &MetricsReader<'_>,
    backlog: Option<&EndpointBacklog>,
) -> Markup {
    let counted = attempts(webhook, reader);
    let (waiting, dead) = backlog.map_or((0, 0), |backlog| {
        (backlog.waiting + backlog.leased, backlog.dead)
    });
    html! {
        div {
            h3 title="A document is the JSON about one finished call." { "Documents since the start" }
            @if counted.is_empty() && waiting + dead == 0 { p.empty { "None." } }
            ul.plain {
                @for (outcome, count) in &counted { li { b { (count) } " attempts " (outcome) } }
                @if waiting > 0 { li { a href=(address(&["outbox"], &[("webhook", webhook), ("state", "waiting")])) { (waiting) " waiting" } } }
                @if dead > 0 { li { a href=(address(&["outbox"], &[("webhook", webhook), ("state", "dead")])) { (dead) " given up" } } }
            }
        }
    }
}
