//! What goes on now.

use maud::{Markup, html};

use crate::calls::{self, Told, Wanted};
use crate::format;
use crate::http::Ops;
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_store::{Backlog, StoreError};

use super::{components, unread, webhooks};

/// Calls on hold that are listed.
const HELD: usize = 50;
/// Last calls that are listed.
const LAST: u32 = 15;

/// The first view.
pub(crate) async fn body(ops: &Ops) -> Markup {
    let (held, holds) = (calls::on_hold(ops, HELD), ops.live_calls.holds());
    let wanted = Wanted {
        limit: LAST,
        ..Wanted::default()
    };
    let last = calls::calls(ops, &wanted).await;
    let backlogs = ops.store.backlogs().await;
    html! {
        h1.hidden { "Now" }
        (tiles(ops, holds, backlogs.as_ref()))
        section aria-labelledby="held" {
            h2 #held { "On hold now" @if holds > HELD { span.quiet { "the longest " (HELD) " of " (holds) } } }
            @if held.is_empty() {
                p.empty { "Nobody is on hold." }
            } @else {
                (components::on_hold(&held))
            }
        }
        div.columns {
            section aria-labelledby="last" {
                h2 #last { "Last calls" a.more href="/calls" { "All calls" } a.more href="/calls?line=1" { "Only line 1" } }
                (components::lines())
                (last_calls(ops, &last))
            }
            section aria-labelledby="hooks" {
                h2 #hooks { "Webhooks" a.more href="/webhooks" { "More" } }
                (webhooks::brief(ops))
            }
        }
    }
}

fn last_calls(ops: &Ops, last: &Result<(Vec<Told>, Option<i64>), StoreError>) -> Markup {
    html! {
        @match last {
            Err(error) => (unread(error)),
            Ok((calls, _)) if calls.is_empty() => p.empty {
                "No call yet. The dialplan hands calls over with the hook; "
                code { "switchhook doctor" } " says what stands in the way."
            },
            Ok((calls, _)) => {
                (components::calls(ops, &calls[..calls.len().min(LAST as usize)], clock::now_ms()))
            }
        }
    }
}

/// A number that is worth a look, where it leads, and whether it is a bad one.
struct Tile {
    name: &'static str,
    address: &'static str,
    value: String,
    below: String,
    /// What else it leads to, and where.
    also: Option<(String, &'static str)>,
    bad: bool,
}

fn tiles(ops: &Ops, holds: usize, backlogs: Result<&Vec<Backlog>, &StoreError>) -> Markup {
    let tiles = [
        hold_tile(holds),
        answers(ops),
        outbox(backlogs),
        switches(ops),
    ];
    html! {
        ul.tiles {
            @for tile in tiles {
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

fn hold_tile(holds: usize) -> Tile {
    Tile {
        name: "On hold",
        address: "#held",
        value: holds.to_string(),
        below: "calls now".into(),
        also: None,
        bad: false,
    }
}

fn answers(ops: &Ops) -> Tile {
    let samples = ops.live_calls.samples();
    let all = samples.values().flatten();
    let (count, well) = all.fold((0, 0), |(count, well), sample| {
        (count + 1, well + usize::from(sample.well()))
    });
    Tile {
        name: "Line 0",
        address: "/webhooks",
        value: format::share(well, count),
        below: format!("of the last {count} answers"),
        also: (well < count).then(|| {
            let text = format!("went down line 1: {} of {count}", count - well);
            (text, "/calls?line=1")
        }),
        bad: count > 0 && well * 10 < count * 9,
    }
}

fn outbox(backlogs: Result<&Vec<Backlog>, &StoreError>) -> Tile {
    let (value, below, bad) = backlogs.map_or_else(
        |_| ("?".into(), "the store cannot be read".into(), true),
        |backlogs| {
            let sum = |of: fn(&Backlog) -> u64| backlogs.iter().map(of).sum::<u64>();
            let (waiting, dead) = (sum(|one| one.waiting + one.leased), sum(|one| one.dead));
            let oldest = backlogs.iter().filter_map(|one| one.oldest_ms).min();
            let oldest = oldest.map(|ms| format!("oldest {}", format::away(ms, clock::now_ms())));
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
        also: None,
        bad,
    }
}

fn switches(ops: &Ops) -> Tile {
    let text = ops.metrics.render();
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
