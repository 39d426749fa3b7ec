//! Counts over time.

use super::*;
use switchhook_store::stats::StatLabels;
use switchhook_store::stats::histogram::percentile_us;
use switchhook_store::{StatCell, StatDimension, StatQuery, StatSeries, StatSpan};

const LABELS: StatLabels<'_> = StatLabels {
    webhook: "lookup",
    flow: "inbound",
    account: Some("acme"),
    switch: "pbx-1",
};

fn hold(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Returns what the store has of a value, in spans of a day: the test may run over midnight.
async fn counted(store: &Store, dimension: StatDimension, value: &str) -> Vec<StatCell> {
    let query = StatQuery {
        dimension,
        value: value.into(),
        span: StatSpan::Day,
        from_ms: 0,
        until_ms: i64::MAX,
    };
    store.stats(&query).await.expect("read")
}

fn amount(cells: &[StatCell], series: &StatSeries) -> u64 {
    let of = cells.iter().filter(|cell| cell.series == *series);
    of.flat_map(|cell| &cell.steps)
        .map(|(_, amount)| amount)
        .sum()
}

pub async fn counts_of_several_instances_add_up_and_outlast_a_restart(factory: &impl Factory) {
    let store = serve(factory).await;
    // A file has one service; another process that only counts is as good as a second one.
    let other = factory.open(Role::Command, Clock::Database).await;
    for number in 1..=10 {
        for store in [&store, &other] {
            let counter = store.counter();
            counter.call(LABELS, "line_0", Some(hold(20)), hold(25));
            counter.call(LABELS, "TIMEOUT", Some(hold(1_000)), hold(1_005));
            counter.delivery(LABELS, "delivered", hold(10 * number));
            store.flush_stats().await.expect("stored");
        }
    }
    store.counter().delivery(LABELS, "failed", hold(1));
    store.close().await;
    other.close().await;
    let store = serve(factory).await;
    for (dimension, value) in [
        (StatDimension::All, ""),
        (StatDimension::Webhook, "lookup"),
        (StatDimension::Flow, "inbound"),
        (StatDimension::Account, "acme"),
        (StatDimension::Switch, "pbx-1"),
    ] {
        let cells = counted(&store, dimension, value).await;
        for (series, expected) in [
            (StatSeries::Calls("line_0".into()), 20),
            (StatSeries::Calls("TIMEOUT".into()), 20),
            (StatSeries::Deliveries("delivered".into()), 20),
            // What was counted last is stored when the store closes.
            (StatSeries::Deliveries("failed".into()), 1),
            (StatSeries::WebhookTime, 40),
            (StatSeries::HoldTime, 40),
            (StatSeries::DeliveryTime, 21),
        ] {
            assert_eq!(amount(&cells, &series), expected, "{series:?} of {value}");
        }
    }
    let all = counted(&store, StatDimension::All, "").await;
    let held = all
        .iter()
        .filter(|cell| cell.series == StatSeries::HoldTime);
    let mut steps: Vec<(i64, u64)> = held.flat_map(|cell| cell.steps.clone()).collect();
    steps.sort_unstable();
    let [p50, p95] = [50, 95].map(|percent| percentile_us(&steps, percent).expect("some"));
    assert!((23_000..27_000).contains(&p50), "{p50}");
    assert!((950_000..1_070_000).contains(&p95), "{p95}");
    assert_eq!(counted(&store, StatDimension::Webhook, "none").await, []);
    let values = store.stat_values().await.expect("values");
    assert_eq!(values.len(), 4, "{values:?}");
}

pub async fn values_that_are_too_many_are_counted_together(factory: &impl Factory) {
    let store = serve(factory).await;
    for number in 0..500 {
        let webhook = format!("webhook-{number}");
        let labels = StatLabels {
            webhook: &webhook,
            ..LABELS
        };
        store.counter().call(labels, "line_0", None, hold(1));
        if number % 50 == 0 {
            store.flush_stats().await.expect("stored");
        }
    }
    store.flush_stats().await.expect("stored");
    let values = store.stat_values().await.expect("values");
    let webhooks = values
        .iter()
        .filter(|(of, _)| *of == StatDimension::Webhook);
    assert_eq!(webhooks.count(), 201);
    let other = counted(&store, StatDimension::Webhook, "(other)").await;
    let calls = StatSeries::Calls("line_0".into());
    assert_eq!(amount(&other, &calls), 300);
    let all = counted(&store, StatDimension::All, "").await;
    assert_eq!(amount(&all, &calls), 500, "none is lost");
}

pub async fn counts_are_kept_as_long_as_their_span_says(factory: &impl Factory) {
    let now = switchhook_core::clock::since_1970();
    let store = factory.open(Role::Serve, Clock::tokio(now)).await;
    store.counter().call(LABELS, "line_0", None, hold(1));
    store.close().await;
    let spans = async |store: &Store| {
        let mut kept = Vec::new();
        for span in StatSpan::ALL {
            let query = StatQuery {
                dimension: StatDimension::All,
                value: String::new(),
                span,
                from_ms: 0,
                until_ms: i64::MAX,
            };
            if !store.stats(&query).await.expect("read").is_empty() {
                kept.push(span);
            }
        }
        kept
    };
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    for (later, expected) in [
        (hours(5), &StatSpan::ALL[..]),
        (hours(7), &StatSpan::ALL[1..]),
        (hours(74), &StatSpan::ALL[2..]),
        (hours(24 * 17), &StatSpan::ALL[3..]),
        (hours(24 * 92), &[]),
    ] {
        let store = factory.open(Role::Serve, Clock::tokio(now + later)).await;
        store.prune(Retention::default()).await.expect("pruned");
        assert_eq!(spans(&store).await, expected, "{later:?}");
        store.close().await;
    }
}
