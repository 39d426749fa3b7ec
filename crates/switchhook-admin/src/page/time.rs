//! The view of a window of time: calls by line and reason, the times of webhooks and holds,
//! deliveries; all of it beside the same window before.

use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::join3;
use maud::{Markup, html};

use switchhook_core::clock;
use switchhook_core::zone::Zone;
use switchhook_store::{StatDimension, StatSeries, StoreError};

use crate::chart::{self, ChartSeries};
use crate::format;
use crate::state::AdminState;

use super::address::address;
use super::components;
use super::layout::View;
use super::time_counts::{Counts, PERCENTILES, is_reason};
use super::time_window::{PRESETS, TimeParams, TimeWindow};

/// Colours of the reasons of line 1, the commonest first; the last one is for the rest.
const REASON_CLASSES: [&str; 5] = ["r1", "r2", "r3", "r4", "r5"];

/// Responds with the view.
pub(crate) async fn respond(state: &AdminState, params: &TimeParams) -> Response {
    let (window, before) = params.windows(clock::now_ms(), state.time_zone);
    let reads = join3(
        read(state, params, window),
        read(state, params, before),
        state.store.stat_values(),
    );
    let (counts, compared, values) = reads.await;
    let values = values.unwrap_or_default();
    let body = html! {
        // A picture of hours need not be drawn again each second.
        div data-every="10000" {}
        h1 { "Over time" }
        (choices(params, &values))
        @match (&counts, &compared) {
            (Ok(counts), Ok(compared)) => (charts(state, params, (window, counts), compared)),
            (Err(error), _) | (_, Err(error)) => (components::store_error(error)),
        }
    };
    View::new("Over time", "/time", body).respond(state, StatusCode::OK)
}

async fn read(
    state: &AdminState,
    params: &TimeParams,
    window: TimeWindow,
) -> Result<Counts, StoreError> {
    let cells = state.store.stats(&window.query(params.of())).await?;
    Ok(Counts::of(window, cells))
}

/// Makes the choice of the window and of what is counted.
fn choices(params: &TimeParams, values: &[(StatDimension, String)]) -> Markup {
    let word = params.word();
    html! {
        p.filters {
            @for (preset, name, ..) in PRESETS {
                a href=(address(&["time"], &[("window", preset), ("of", &params.of)])) aria-current=[(preset == word).then_some("true")] { (name) }
            }
        }
        form.choices method="get" action="/time" {
            label { "Of " select name="of" data-auto {
                option value="" { "all calls" }
                @for dimension in StatDimension::LABELS {
                    @let of: Vec<&str> = values.iter().filter(|(one, _)| *one == dimension).map(|(_, value)| value.as_str()).collect();
                    @if !of.is_empty() {
                        optgroup label=(dimension.as_str()) {
                            @for value in of {
                                @let key = format!("{}:{value}", dimension.as_str());
                                option value=(key) selected[key == params.of] { (value) }
                            }
                        }
                    }
                }
            } }
            input type="hidden" name="window" value=(word);
            button.plain type="submit" { "Show" }
        }
        form.choices method="get" action="/time" {
            input type="hidden" name="window" value="custom";
            input type="hidden" name="of" value=(params.of);
            label { "From " input type="datetime-local" name="from" value=(params.from); }
            label { "until " input type="datetime-local" name="until" value=(params.until); }
            button.plain type="submit" aria-current=[(word == "custom").then_some("true")] { "Show this time" }
        }
    }
}

fn charts(
    state: &AdminState,
    params: &TimeParams,
    (window, counts): (TimeWindow, &Counts),
    before: &Counts,
) -> Markup {
    let zone = state.time_zone;
    html! {
        (summary(params, counts, before))
        section aria-labelledby="calls-over-time" {
            h2 #calls-over-time { "Calls by line and reason" span.quiet { (bar_name(window)) } }
            @if counts.all_calls() == 0 {
                p.empty { "No call left the hold in this time." }
            } @else {
                (calls_chart(window, counts, zone))
                (outcomes(params, window, counts, before))
            }
        }
        div.columns.even {
            (times("Webhook", "from the request to its outcome", &StatSeries::WebhookTime, (window, counts), before, zone))
            (times("Hold", "until the call was let go", &StatSeries::HoldTime, (window, counts), before, zone))
        }
        section aria-labelledby="deliveries-over-time" {
            h2 #deliveries-over-time { "Deliveries" span.quiet { "attempts, documents and events" } }
            @if counts.attempts().0 == 0 {
                p.empty { "No delivery was attempted in this time." }
            } @else {
                (deliveries_chart(window, counts, zone))
            }
        }
        (times("Delivery", "one attempt", &StatSeries::DeliveryTime, (window, counts), before, zone))
    }
}

fn bar_name(window: TimeWindow) -> &'static str {
    match window.span {
        switchhook_store::StatSpan::Minute => "each bar a minute",
        switchhook_store::StatSpan::QuarterHour => "each bar a quarter of an hour",
        switchhook_store::StatSpan::Hour => "each bar an hour",
        switchhook_store::StatSpan::Day => "each bar a day of UTC",
    }
}

/// Makes the numbers of the window beside those of the window before.
fn summary(params: &TimeParams, counts: &Counts, before: &Counts) -> Markup {
    let p95 = |of: &Counts| microseconds(of.percentile(&StatSeries::WebhookTime, 95));
    let name = params.compared_name();
    let line_1 = |of: &Counts| share(of.line_1(), of.all_calls());
    let failed = |of: &Counts| {
        let (all, failed) = of.attempts();
        share(failed, all)
    };
    let tiles = [
        (
            "Calls",
            counts.all_calls().to_string(),
            before.all_calls().to_string(),
        ),
        ("Line 1", line_1(counts), line_1(before)),
        ("Webhook, 95\u{a0}% within", p95(counts), p95(before)),
        ("Deliveries that failed", failed(counts), failed(before)),
    ];
    html! {
        ul.tiles.numbers {
            @for (label, now, then) in tiles {
                li { span.name { (label) } b { (now) } span.quiet { (name) ": " (then) } }
            }
        }
    }
}

fn share(part: u64, all: u64) -> String {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    format::percentage(number(part), number(all))
}

fn microseconds(us: Option<u64>) -> String {
    us.map_or_else(|| "–".into(), format::duration)
}

/// Returns the class of an outcome. `reasons`: how many reasons came before it.
fn class_of(outcome: &str, reasons: usize) -> &'static str {
    match outcome {
        "line_0" => "good",
        outcome if is_reason(outcome) => REASON_CLASSES[reasons.min(REASON_CLASSES.len() - 1)],
        _ => "own",
    }
}

/// Returns the outcomes with their classes.
fn with_classes(counts: &Counts) -> Vec<(&str, &'static str, &[u64])> {
    let mut reasons = 0;
    let all = counts.stacked_calls().into_iter();
    all.map(|(outcome, values)| {
        let class = class_of(outcome, reasons);
        reasons += usize::from(is_reason(outcome));
        (outcome, class, values)
    })
    .collect()
}

fn calls_chart(window: TimeWindow, counts: &Counts, zone: Zone) -> Markup {
    let series = with_classes(counts).into_iter();
    let series: Vec<ChartSeries> = series
        .map(|(_, class, values)| ChartSeries {
            class,
            values: values.to_vec(),
        })
        .collect();
    let most = chart::highest(&series, window.bars());
    let (all, line_1) = (counts.all_calls(), counts.line_1());
    let label = format!("{all} calls, {line_1} of them on line 1; at most {most} in one bar");
    boxed(
        window,
        zone,
        &format!("{most} calls"),
        chart::stacked(&label, &series),
    )
}

/// Makes the scale and the times around a chart.
fn boxed(window: TimeWindow, zone: Zone, most: &str, chart: Markup) -> Markup {
    let middle = window.from_ms + (window.until_ms - window.from_ms) / 2;
    let day = window.until_ms - window.from_ms > 86_400_000;
    let pattern = if day { "%m-%d %H:%M" } else { "%H:%M" };
    let at = |ms: i64| switchhook_core::timestamp::format_ms(ms, zone, pattern);
    html! {
        figure.chart-box {
            span.most { (most) }
            (chart)
            figcaption { span { (at(window.from_ms)) } span { (at(middle)) } span { (at(window.until_ms)) } }
        }
    }
}

/// Makes the table of outcomes, each with a link to its calls.
fn outcomes(params: &TimeParams, window: TimeWindow, counts: &Counts, before: &Counts) -> Markup {
    let sum = |values: Option<&[u64]>| values.map_or(0, |values| values.iter().sum::<u64>());
    let (all, all_before) = (counts.all_calls(), before.all_calls());
    let then = |outcome: &str| sum(before.calls.get(outcome).map(Vec::as_slice));
    html! {
        div.scroll tabindex="0" role="region" aria-label="Outcomes of the calls" {
            table {
                thead { tr { th scope="col" { "Outcome" } th.number scope="col" { "Calls" } th.number scope="col" { "Share" } th.number scope="col" { (params.compared_name()) } } }
                tbody {
                    @for (outcome, class, values) in with_classes(counts) {
                        tr {
                            th scope="row" { span class={ "key " (class) } {} a href=(calls_address(params, window, outcome)) { (outcome_name(outcome)) } }
                            td.number { (sum(Some(values))) }
                            td.number { (share(sum(Some(values)), all)) }
                            td.number { (share(then(outcome), all_before)) span.quiet { " (" (then(outcome)) ")" } }
                        }
                    }
                }
            }
        }
    }
}

/// Returns the name of an outcome in words.
fn outcome_name(outcome: &str) -> String {
    if is_reason(outcome) {
        format!("line 1: {outcome}")
    } else {
        format::ending(outcome).to_owned()
    }
}

/// Returns the address of the list of these calls.
fn calls_address(params: &TimeParams, window: TimeWindow, outcome: &str) -> String {
    let reason = match outcome {
        "line_0" => "SUCCESS",
        outcome if is_reason(outcome) => outcome,
        _ => "",
    };
    let (dimension, value) = params.of();
    let (from, until) = (window.from_ms.to_string(), window.until_ms.to_string());
    let query = [
        (dimension.as_str(), value),
        ("reason", reason),
        ("from", &from),
        ("until", &until),
    ];
    address(&["calls"], &query)
}

/// Makes the percentiles of a time: as lines, and of the whole window as numbers.
fn times(
    name: &str,
    what: &str,
    series: &StatSeries,
    (window, counts): (TimeWindow, &Counts),
    before: &Counts,
    zone: Zone,
) -> Markup {
    let lines: Vec<(&'static str, Vec<Option<u64>>)> = PERCENTILES
        .iter()
        .map(|(percent, class)| (*class, counts.percentiles(series, *percent)))
        .collect();
    let most = lines.iter().flat_map(|(_, values)| values.iter().flatten());
    let Some(most) = most.copied().max() else {
        return html! {};
    };
    let numbers = PERCENTILES.map(|(percent, class)| {
        let of = |counts: &Counts| microseconds(counts.percentile(series, percent));
        (class, of(counts), of(before))
    });
    let label = format!(
        "{name}: {}",
        numbers
            .each_ref()
            .map(|(class, now, _)| format!("{class} {now}"))
            .join(", ")
    );
    html! {
        section aria-label={ (name) " times" } {
            h2 { (name) span.quiet { (what) } }
            (boxed(window, zone, &format::duration(most), chart::lines(&label, &lines)))
            ul.legend {
                @for (class, now, then) in numbers { li { span class={ "key " (class) } {} (class) " " b { (now) } " before: " (then) } }
            }
        }
    }
}

fn deliveries_chart(window: TimeWindow, counts: &Counts, zone: Zone) -> Markup {
    let class = |outcome: &str| match outcome {
        "delivered" => "good",
        "failed" => "r1",
        _ => "r2",
    };
    let series: Vec<ChartSeries> = counts
        .deliveries
        .iter()
        .map(|(outcome, values)| ChartSeries {
            class: class(outcome),
            values: values.clone(),
        })
        .collect();
    let most = chart::highest(&series, window.bars());
    let (all, failed) = counts.attempts();
    let label = format!("{all} attempts, {failed} of them failed; at most {most} in one bar");
    html! {
        (boxed(window, zone, &format!("{most} attempts"), chart::stacked(&label, &series)))
        ul.legend {
            @for (outcome, values) in &counts.deliveries {
                li { span class={ "key " (class(outcome)) } {} (outcome) " " b { (values.iter().sum::<u64>()) } }
            }
        }
    }
}
