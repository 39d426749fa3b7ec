//! A call that crosses two switches, captured on both: one document, by `flow.part_of`.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use crate::details::events::{Event, of_capture};
use crate::details::ledgers::{documents, over};
use serde_json::json;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};

fn at(event: &Event) -> i64 {
    event.text("Event-Date-Timestamp").parse().unwrap()
}

/// One switch's ledger.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(LedgerOptions::default());
    ledger.has_other_switches(true);
    ledger
}

/// Plays both captures by time; the events of the second switch are read `lag_us` later. What the
/// second ledger stores of a call elsewhere goes to the first.
fn played(lag_us: i64) -> Vec<FinishedCall> {
    let [first, second] =
        ["two-switches.fs1", "two-switches.fs2"].map(|name| of_capture("two_switches", name));
    let mut events: Vec<(i64, bool, &Event)> =
        first.iter().map(|event| (at(event), true, event)).collect();
    events.extend(
        second
            .iter()
            .map(|event| (at(event) + lag_us, false, event)),
    );
    events.sort_by_key(|(at, ..)| *at);
    let (mut home, mut away) = (ledger(), ledger());
    let mut calls = Vec::new();
    let mut now = 0;
    for (at, is_home, event) in events {
        now = at;
        if is_home {
            calls.extend(over(home.apply(event, now)));
            continue;
        }
        for effect in away.apply(event, now) {
            let Effect::Store(uuid) = effect else {
                panic!("{effect:?}")
            };
            let target = away.call_elsewhere(&uuid);
            if target.is_some_and(|target| home.leg(&target).is_some()) {
                away.lend(&uuid);
                let leg = away.leg(&uuid).unwrap().clone();
                calls.extend(over(home.adopt(leg, now)));
            }
        }
    }
    calls.extend(over(home.expire(now + 6_000_000)));
    let lent: Vec<_> = calls.iter().flat_map(|call| &call.legs).collect();
    let lent: Vec<_> = lent
        .iter()
        .map(|leg| (leg.uuid.clone(), leg.created_us))
        .collect();
    away.finished_by_peer(&lent, now);
    assert_eq!((home.legs(), away.legs()), (0, 0));
    calls
}

#[test]
fn a_call_on_two_switches_is_one_document() {
    for lag_us in [0, 300_000, 2_000_000] {
        let documents = documents(&played(lag_us));
        assert_eq!(documents.len(), 1, "{lag_us}: {documents:#?}");
        let entries = documents[0]["callDetails"].as_array().unwrap();
        let told = |name: &str| -> Vec<&serde_json::Value> {
            entries.iter().map(|entry| &entry[name]).collect()
        };
        assert_eq!(
            told("calleeNumber"),
            ["919800000001", "desk", "919800000001", "agent1"]
        );
        let switches = told("cdrId")
            .into_iter()
            .map(|id| id.as_str().unwrap().split("##").nth(1).unwrap());
        assert_eq!(switches.collect::<Vec<_>>(), ["fs1", "fs1", "fs2", "fs2"]);
        assert_eq!(
            documents[0]["keys"],
            json!([{"name": "$flow.key.leadid", "value": "HFC7101"}])
        );
        assert_eq!(documents[0].get("incomplete"), None);
    }
}

/// Without the second switch the call does not wait for ever for what may never come.
#[test]
fn a_call_to_a_switch_that_nobody_follows_is_due_after_a_while() {
    let mut home = ledger();
    let mut calls = Vec::new();
    let events = of_capture("two_switches", "two-switches.fs1");
    for event in &events {
        calls.extend(over(home.apply(event, at(event))));
    }
    assert!(
        calls.is_empty(),
        "its leg on the other switch may still come"
    );
    let end = at(events.last().unwrap());
    calls.extend(over(home.expire(end + 5_000_000)));
    assert_eq!(calls[0].legs.len(), 2);
}
