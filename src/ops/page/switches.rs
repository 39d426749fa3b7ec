//! Each switch: whether it is followed, and how far behind we are.

use maud::{Markup, html};

use crate::meter;
use crate::ops::figures::Figures;
use crate::ops::http::Ops;

/// The view.
pub fn body(ops: &Ops) -> Markup {
    let text = ops.metrics.render();
    let figures = Figures::new(&text);
    let checks = (ops.checks)();
    let addresses = figures.labels(meter::SWITCH_CONNECTED, "switch");
    let detail = |address: &str| {
        let name = format!("switch {address}");
        let check = checks.iter().find(|check| check.name == name);
        check.map(|check| check.detail.clone()).unwrap_or_default()
    };
    html! {
        h1 { "Switches" }
        @if addresses.is_empty() {
            p.empty {
                "No switch is followed: calls are taken over, and no document is made. Add "
                code { "[[freeswitch]]" } " to the configuration."
            }
        }
        @for address in &addresses { (card(address, &detail(address), &figures)) }
    }
}

fn card(address: &str, detail: &str, figures: &Figures<'_>) -> Markup {
    let connected = figures.one(meter::SWITCH_CONNECTED, "switch", address) > 0.0;
    let lost = figures.one(meter::SWITCH_LOST, "switch", address);
    let lag = figures.one(meter::SWITCH_LAG, "switch", address);
    html! {
        article.card {
            div.row {
                h2 { (address) }
                @if connected { span.pill.good { "connected" } } @else { span.pill.bad { "not connected" } }
            }
            @if !connected { p.why { (detail) } }
            dl.facts {
                div { dt { "Connections lost" } dd { (lost) } }
                div { dt { "Gaps in what was followed" } dd { (figures.one(meter::GAPS, "switch", address)) } }
                div { dt { "Legs repaired" } dd { (repaired(address, figures)) } }
                div { dt { "Behind its events" } dd { (format!("{lag:.2} s")) } }
            }
        }
    }
}

/// Legs that were learnt otherwise than from their events, by what.
fn repaired(address: &str, figures: &Figures<'_>) -> String {
    let own = figures.of(meter::LEGS_REPAIRED);
    let own = own.filter(|sample| sample.label("switch").as_deref() == Some(address));
    let by = own.filter_map(|sample| Some(format!("{} by {}", sample.value, sample.label("by")?)));
    by.collect::<Vec<_>>().join(", ")
}
