//! The first view: the current state in four tiles, calls on hold, last calls, webhooks.

use maud::{Markup, html};

use crate::call_entry::CallEntry;
use crate::calls::{self, CallQuery};
use crate::format;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_store::{EndpointBacklog, StoreError};

use super::held::Held;
use super::{components, visible, webhooks};

/// Calls on hold that are listed.
const HELD: usize = 50;
/// Last calls that are listed.
const LAST: u32 = 15;

/// Makes the view.
pub(crate) async fn body(state: &AdminState) -> Markup {
    let on_hold = calls::calls_on_hold(state, HELD);
    let on_hold_count = calls::count_on_hold(state);
    let query = CallQuery {
        limit: LAST,
        ..CallQuery::default()
    };
    let last = calls::find_calls(state, &query).await;
    let backlogs = visible::backlogs(state).await;
    html! {
        h1.hidden { "Now" }
        (tiles(state, on_hold_count, backlogs.as_ref()))
        section aria-labelledby="held" {
            h2 #held { "On hold now" @if on_hold_count > HELD { span.quiet { "the longest " (HELD) " of " (on_hold_count) } } }
            @if on_hold.is_empty() {
                p.empty { "No calls on hold." }
            } @else {
                (components::on_hold(&on_hold))
            }
        }
        div.columns {
            section aria-labelledby="last" {
                h2 #last { "Last calls" a.more href="/calls" { "All calls" } a.more href="/calls?line=1" { "Only line 1" } }
                (components::lines())
                (last_calls(state, &last))
            }
            @if !state.access.is_limited() {
                section aria-labelledby="hooks" {
                    h2 #hooks { "Webhooks" a.more href="/webhooks" { "More" } }
                    (webhooks::brief(state))
                }
            }
        }
    }
}

fn last_calls(
    state: &AdminState,
    last: &Result<(Vec<CallEntry>, Option<i64>), StoreError>,
) -> Markup {
    html! {
        @match last {
            Err(error) => (components::store_error(error)),
            Ok((calls, _)) if calls.is_empty() => p.empty {
                "No call yet. The dialplan hands calls over with the hook; "
                code { "switchhook doctor" } " finds what is missing."
            },
            Ok((calls, _)) => {
                (components::calls(state, &calls[..calls.len().min(LAST as usize)], clock::now_ms()))
            }
        }
    }
}

/// A number with its name, its address, and whether it is a bad one.
struct Tile {
    name: &'static str,
    address: &'static str,
    value: String,
    below: String,
    /// A second link: its text and its address.
    also: Option<(String, &'static str)>,
    bad: bool,
}

fn tiles(
    state: &AdminState,
    on_hold_count: usize,
    backlogs: Result<&Vec<EndpointBacklog>, &StoreError>,
) -> Markup {
    // Answers and switches are of all accounts.
    let everything = !state.access.is_limited();
    let tiles = [
        Some(on_hold_tile(on_hold_count)),
        everything.then(|| answers_tile(state)),
        Some(outbox_tile(state, backlogs)),
        everything.then(|| switches_tile(state)),
    ];
    html! {
        ul.tiles {
            @for tile in tiles.into_iter().flatten() {
                li class=[tile.bad.then_some("bad")] {
                    a href=(tile.address) {
                        span.name { (tile.name) }
                        b { (tile.value) }
                        span.quiet { (tile.below) }
                    }
                    @if let Some((text, address)) = tile.also { a.also href=(address) { (text) } }
                }
            }
        }
    }
}

fn on_hold_tile(on_hold_count: usize) -> Tile {
    Tile {
        name: "On hold",
        address: "#held",
        value: on_hold_count.to_string(),
        below: "calls now".into(),
        also: None,
        bad: false,
    }
}

fn answers_tile(state: &AdminState) -> Tile {
    let samples = state.live_calls.samples();
    let all = samples.values().flatten();
    let (count, succeeded) = all.fold((0, 0), |(count, succeeded), sample| {
        (count + 1, succeeded + usize::from(sample.succeeded()))
    });
    Tile {
        name: "Line 0",
        address: "/webhooks",
        value: format::percentage(succeeded, count),
        below: format!("of the last {count} answers"),
        also: (succeeded < count).then(|| {
            let text = format!("went down line 1: {} of {count}", count - succeeded);
            (text, "/calls?line=1")
        }),
        bad: count > 0 && succeeded * 10 < count * 9,
    }
}

fn outbox_tile(state: &AdminState, backlogs: Result<&Vec<EndpointBacklog>, &StoreError>) -> Tile {
    let (value, below, bad) = backlogs.map_or_else(
        |_| ("?".into(), "the store cannot be read".into(), true),
        |backlogs| {
            let sum = |of: fn(&EndpointBacklog) -> u64| backlogs.iter().map(of).sum::<u64>();
            let (waiting, dead) = (
                sum(|backlog| backlog.waiting + backlog.leased),
                sum(|backlog| backlog.dead),
            );
            let oldest = backlogs
                .iter()
                .filter_map(|backlog| backlog.oldest_ms)
                .min();
            let oldest =
                oldest.map(|ms| format!("oldest {}", format::relative(ms, clock::now_ms())));
            let below = match dead {
                0 => oldest.unwrap_or_else(|| "nothing waits".into()),
                dead => format!("and {dead} given up"),
            };
            (waiting.to_string(), below, dead > 0)
        },
    );
    Tile {
        name: "Outbox",
        address: "/outbox",
        value,
        below,
        also: held_up(state, backlogs).map(|text| (text, "/outbox")),
        bad,
    }
}

/// Names the endpoints that are slowed down or paused.
fn held_up(
    state: &AdminState,
    backlogs: Result<&Vec<EndpointBacklog>, &StoreError>,
) -> Option<String> {
    let held = Held::of(state, backlogs.map_or(&[], |backlogs| backlogs));
    let paused = held.all_paused().iter();
    let paused = paused.map(|backlog| format!("{} paused", backlog.endpoint));
    let slowed = held
        .all_slowed()
        .map(|(name, _)| format!("{name} slowed down"));
    let all: Vec<String> = paused.chain(slowed).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn switches_tile(state: &AdminState) -> Tile {
    let text = state.metrics.render();
    let connected = MetricsReader::new(&text).of(metric_names::SWITCH_CONNECTED);
    let (all, up) = connected.fold((0, 0), |(all, up), sample| {
        (all + 1, up + i32::from(sample.value > 0.0))
    });
    Tile {
        name: "Switches",
        address: "/switches",
        value: format!("{up} of {all}"),
        below: if all == 0 {
            "none is followed"
        } else {
            "followed"
        }
        .into(),
        also: None,
        bad: up < all,
    }
}
