//! Each switch: whether it is followed, and how far behind we are.

use maud::{Markup, html};

use crate::format;
use crate::http::Ops;
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;

use super::components;

/// The view.
pub(crate) async fn body(ops: &Ops) -> Markup {
    let text = ops.metrics.render();
    let figures = MetricsReader::new(&text);
    let checks = (ops.checks)();
    let addresses = figures.labels(metric_names::SWITCH_CONNECTED, "switch");
    let detail = |address: &str| {
        let name = format!("switch {address}");
        let check = checks.iter().find(|check| check.name == name);
        check.map(|check| check.detail.clone()).unwrap_or_default()
    };
    let mut names = Vec::with_capacity(addresses.len());
    for address in &addresses {
        // Without its name it is shown by its address.
        names.push(ops.store.switch_at(address).await.ok().flatten());
    }
    html! {
        h1 { "Switches" }
        @if addresses.is_empty() {
            p.empty {
                "No switch is followed: calls are taken over, and no document is made. Add "
                code { "[[freeswitch]]" } " to the configuration."
            }
        }
        @for (address, name) in addresses.iter().zip(&names) {
            (card(ops, (address, name.as_deref()), &detail(address), &figures))
        }
    }
}

/// An address, and the name that the switch there gave itself.
type Named<'n> = (&'n str, Option<&'n str>);

fn card(
    ops: &Ops,
    (address, name): Named<'_>,
    detail: &str,
    figures: &MetricsReader<'_>,
) -> Markup {
    let connected = figures.one(metric_names::SWITCH_CONNECTED, "switch", address) > 0.0;
    let lost = figures.one(metric_names::SWITCH_LOST, "switch", address);
    let lag = figures.one(metric_names::SWITCH_LAG, "switch", address);
    html! {
        article.card {
            div.row {
                h2 { (name.unwrap_or(address)) }
                @if name.is_some() { span.quiet { "at " (address) } }
                @if connected { span.pill.good { "connected" } } @else { span.pill.bad { "not connected" } }
            }
            @if !connected { p.why { (components::prose(detail)) } }
            dl.facts {
                div { dt { "Connections lost" } dd { (lost) } }
                @if connected { div { dt { "Followed since" } dd { (at(ops, metric_names::SWITCH_REACHED_AT, address, figures)) } } }
                div {
                    dt title="What it did before following began, and in between, is learnt from its list of calls and its CDRs." {
                        "Gaps in what was followed"
                    }
                    dd { (figures.one(metric_names::GAPS, "switch", address)) (last_gap(ops, address, figures)) }
                }
                div { dt { "Legs repaired in the gaps" } dd { (repaired(address, figures)) } }
                div { dt { "Behind its events" } dd { (format!("{lag:.2} s")) } }
            }
        }
    }
}

/// A moment that a metric has; empty: never.
fn at(ops: &Ops, metric: &'static str, address: &str, figures: &MetricsReader<'_>) -> String {
    let seconds = figures.one(metric, "switch", address);
    #[expect(clippy::cast_possible_truncation, reason = "ms since 1970")]
    let ms = (seconds * 1e3) as i64;
    match ms {
        0 => String::new(),
        ms => format::when(ms, clock::now_ms(), ops.time_zone),
    }
}

/// When it was away last. The first gap ends with the service's start.
fn last_gap(ops: &Ops, address: &str, figures: &MetricsReader<'_>) -> String {
    let of = |metric| figures.one(metric, "switch", address);
    let text = |metric| at(ops, metric, address, figures);
    let (lost, reached) = (
        of(metric_names::SWITCH_LOST_AT),
        of(metric_names::SWITCH_REACHED_AT),
    );
    match (lost > 0.0, reached > 0.0) {
        (true, _) if reached < lost => {
            format!(", the last since {}", text(metric_names::SWITCH_LOST_AT))
        }
        (true, _) => format!(
            ", the last from {} to {}",
            text(metric_names::SWITCH_LOST_AT),
            text(metric_names::SWITCH_REACHED_AT)
        ),
        (false, true) => format!(", the last until {}", text(metric_names::SWITCH_REACHED_AT)),
        (false, false) => String::new(),
    }
}

/// Legs that were learnt otherwise than from their events, by what.
fn repaired(address: &str, figures: &MetricsReader<'_>) -> String {
    let own = figures.of(metric_names::LEGS_REPAIRED);
    let own = own.filter(|sample| sample.label("switch").as_deref() == Some(address));
    let by = own.filter_map(|sample| Some(format!("{} by {}", sample.value, sample.label("by")?)));
    by.collect::<Vec<_>>().join(", ")
}
