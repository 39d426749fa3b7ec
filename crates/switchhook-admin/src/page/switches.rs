//! The view of the switches: whether each is followed, with its gaps and its lag.

use maud::{Markup, html};

use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;

use super::components;

/// Makes the view.
pub(crate) async fn body(state: &AdminState) -> Markup {
    let text = state.metrics.render();
    let reader = MetricsReader::new(&text);
    let checks = (state.checks)();
    let addresses = reader.labels(metric_names::SWITCH_CONNECTED, "switch");
    let detail = |address: &str| {
        let name = format!("switch {address}");
        let check = checks.iter().find(|check| check.name == name);
        check.map(|check| check.detail.clone()).unwrap_or_default()
    };
    let mut names = Vec::with_capacity(addresses.len());
    for address in &addresses {
        // A switch without a known name is shown by its address.
        names.push(state.store.switch_at(address).await.ok().flatten());
    }
    html! {
        h1 { "Switches" }
        @if addresses.is_empty() {
            p.empty {
                "No switch is followed: calls ask their webhooks, but there are no documents. Add "
                code { "[[freeswitch]]" } " to the configuration."
            }
        }
        @for (address, name) in addresses.iter().zip(&names) {
            (card(state, (address, name.as_deref()), &detail(address), &reader))
        }
    }
}

/// The address of a switch, and its own name.
type SwitchLabel<'n> = (&'n str, Option<&'n str>);

fn card(
    state: &AdminState,
    (address, name): SwitchLabel<'_>,
    detail: &str,
    reader: &MetricsReader<'_>,
) -> Markup {
    let connected = reader.one(metric_names::SWITCH_CONNECTED, "switch", address) > 0.0;
    let lost = reader.one(metric_names::SWITCH_LOST, "switch", address);
    let lag = reader.one(metric_names::SWITCH_LAG, "switch", address);
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
                @if connected { div { dt { "Followed since" } dd { (at(state, metric_names::SWITCH_REACHED_AT, address, reader)) } } }
                div {
                    dt title="The events of a gap are missing. The list of calls and the CDRs of the switch repair it." {
                        "Gaps in what was followed"
                    }
                    dd { (reader.one(metric_names::GAPS, "switch", address)) (last_gap(state, address, reader)) }
                }
                div { dt { "Legs repaired in the gaps" } dd { (repaired(address, reader)) } }
                div { dt { "Lag behind its events" } dd { (format!("{lag:.2} s")) } }
            }
        }
    }
}

/// Returns the time that a metric has; empty if it has none.
fn at(
    state: &AdminState,
    metric: &'static str,
    address: &str,
    reader: &MetricsReader<'_>,
) -> String {
    let seconds = reader.one(metric, "switch", address);
    #[expect(clippy::cast_possible_truncation, reason = "ms since 1970")]
    let ms = (seconds * 1e3) as i64;
    match ms {
        0 => String::new(),
        ms => format::time_or_date(ms, clock::now_ms(), state.time_zone),
    }
}

/// Returns the times of the last gap. The first gap ends when the service starts.
fn last_gap(state: &AdminState, address: &str, reader: &MetricsReader<'_>) -> String {
    let of = |metric| reader.one(metric, "switch", address);
    let text = |metric| at(state, metric, address, reader);
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

/// Returns the numbers of legs that were repaired without their events, by source.
fn repaired(address: &str, reader: &MetricsReader<'_>) -> String {
    let own = reader.of(metric_names::LEGS_REPAIRED);
    let own = own.filter(|sample| sample.label("switch").as_deref() == Some(address));
    let by = own.filter_map(|sample| Some(format!("{} by {}", sample.value, sample.label("by")?)));
    by.collect::<Vec<_>>().join(", ")
}
