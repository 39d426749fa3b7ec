//! The view of the list of calls, with the search and the filter.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::address::address;
use crate::call_entry::CallEntry;
use crate::calls::{self, PAGE};
use crate::search::Search;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_core::outcome::Reason;
use switchhook_store::StatDimension;

use super::call_params::CallsParams;
use super::components;
use super::layout::View;

/// Responds with the calls that match.
pub(crate) async fn respond(state: &AdminState, params: &CallsParams) -> Response {
    let found = calls::find_calls(state, &params.query(state.time_zone, PAGE)).await;
    let values = known_values(state).await;
    let body = html! {
        (heading(state, params))
        (filter_form(state, params, &values))
        (components::lines())
        @match &found {
            Err(error) => (components::store_error(error)),
            Ok((calls, next)) => (list(state, calls, *next, params)),
        }
    };
    let view = View::new("Calls", "/calls", body);
    let text = params.text();
    view.search(&text).respond(state, StatusCode::OK)
}

/// Returns the values to choose from: those of every account only for who sees them all.
async fn known_values(state: &AdminState) -> Vec<(StatDimension, String)> {
    match state.access.accounts() {
        Some(accounts) => {
            let own = accounts.iter().cloned();
            own.map(|name| (StatDimension::Account, name)).collect()
        }
        None => state.store.stat_values().await.unwrap_or_default(),
    }
}

fn heading(state: &AdminState, params: &CallsParams) -> Markup {
    let (text, line_1) = (params.text(), params.is_line_1());
    let chips = params.chips(state.time_zone);
    html! {
        h1 { "Calls" @if !text.is_empty() { " with “" (text) "”" } }
        p.filters {
            a href=(params.with(&["calls"], "line", "")) aria-current=[(!line_1).then_some("true")] { "All" }
            a href=(params.with(&["calls"], "line", "1")) aria-current=[line_1.then_some("true")] { "Only line 1" }
            @for chip in &chips {
                a.chip href=(params.with(&["calls"], chip.name, "")) title="Take this condition away" { (chip.words) span aria-hidden="true" { " ✕" } span.hidden { ": take it away" } }
            }
            @if !chips.is_empty() || !text.is_empty() { a href="/calls" { "Every call" } }
            span.end {
                "As " a href=(params.with(&["calls.csv"], "before", "")) { "CSV" } " or "
                a href=(params.with(&["calls.json"], "before", "")) { "JSON" }
            }
        }
    }
}

/// Makes the form that adds conditions.
fn filter_form(
    state: &AdminState,
    params: &CallsParams,
    values: &[(StatDimension, String)],
) -> Markup {
    let of = |dimension: StatDimension| {
        let own = values.iter().filter(move |(one, _)| *one == dimension);
        own.map(|(_, value)| value.clone()).collect::<Vec<String>>()
    };
    let mut webhooks = of(StatDimension::Webhook);
    if !state.access.is_limited() {
        webhooks.extend(state.config_summaries.load().keys().cloned());
    }
    webhooks.sort();
    webhooks.dedup();
    let reasons = [Reason::SUCCESS]
        .into_iter()
        .chain(Reason::ALL.iter().map(|reason| reason.as_str()));
    let zone = state.time_zone;
    html! {
        details #filter.filter {
            summary { "Filter" }
            form method="get" action="/calls" {
                @if !params.text().is_empty() { input type="hidden" name="q" value=(params.text()); }
                @if params.is_line_1() { input type="hidden" name="line" value="1"; }
                (select("webhook", "Webhook", &webhooks, params))
                (select("reason", "Reason", &reasons.map(str::to_owned).collect::<Vec<_>>(), params))
                (select("flow", "Flow", &of(StatDimension::Flow), params))
                (select("account", "Account", &of(StatDimension::Account), params))
                (select("switch", "Switch", &of(StatDimension::Switch), params))
                label { "Number at our end" input type="text" name="called" value=(params.value("called")) autocomplete="off"; }
                label { "Hangup cause" input type="text" name="cause" value=(params.value("cause")) autocomplete="off" placeholder="USER_BUSY"; }
                label { "Began at or after" input type="datetime-local" name="from" value=(params.field_time("from", zone)); }
                label { "Began before" input type="datetime-local" name="until" value=(params.field_time("until", zone)); }
                label { "At least, seconds" input type="number" min="0" name="longer" value=(params.value("longer")); }
                label { "At most, seconds" input type="number" min="0" name="shorter" value=(params.value("shorter")); }
                button type="submit" { "Filter" }
            }
        }
    }
}

fn select(name: &str, label: &str, values: &[String], params: &CallsParams) -> Markup {
    let current = params.value(name);
    let is_known = current.is_empty() || values.iter().any(|value| value == current);
    html! {
        label { (label)
            select name=(name) {
                option value="" { "any" }
                @if !is_known { option value=(current) selected { (current) } }
                @for value in values { option value=(value) selected[value == current] { (value) } }
            }
        }
    }
}

fn list(
    state: &AdminState,
    calls: &[CallEntry],
    next: Option<i64>,
    params: &CallsParams,
) -> Markup {
    html! {
        @if let ([only], None, Some(_)) = (calls, next, Search::parse(&params.text())) {
            p.found role="status" {
                "One call found: "
                a.button href=(address(&["calls", &only.uuid], &[])) autofocus { "Open it" }
            }
        }
        @if calls.is_empty() { (none_found(params)) }
        (components::calls(state, calls, clock::now_ms()))
        @if let Some(next) = next {
            p { a.button href=(params.next(next)) rel="next" { "Older calls" } }
        }
    }
}

fn none_found(params: &CallsParams) -> Markup {
    let is_number = params.text().chars().filter(char::is_ascii_digit).count() > 3;
    html! {
        p.empty {
            "No call found. "
            @if is_number { b { "Try the last 4-6 digits of the number. " } }
            @if params.is_line_1() { a href=(params.with(&["calls"], "line", "")) { "Search both lines" } ". " }
            "The search covers the last 50,000 finished calls, of the chosen time if there is one, and the calls since: \
             numbers (spaces, dashes and the country code do not matter), UUIDs, webhooks, reasons, and flow variables \
             (their value, or name=value)."
        }
    }
}
