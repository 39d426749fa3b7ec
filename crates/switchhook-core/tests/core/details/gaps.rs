//! Missed events: a document that does not claim to lack something lacks nothing.
//!
//! Tests every captured call with gaps of several lengths at every place. After the gap the
//! switch lists its living channels (`show channels`, `uuid_dump`), as `follow` requests it.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use crate::details::events::{Event, names, of_capture};
use crate::details::ledgers::{calls, documents, over};
use crate::details::ways::WAYS;
use serde_json::Value;
use switchhook_core::ledger::{Ledger, LedgerOptions};

/// Events lost in a gap; the last length loses all that follow.
const LENGTHS: [usize; 9] = [1, 2, 3, 4, 6, 9, 14, 20, usize::MAX];

/// Legs of one tick are sorted by their CHANNEL_CREATE, which may be lost.
fn by_start(mut document: Value) -> Value {
    let entries = document["callDetails"].as_array_mut().unwrap();
    entries.sort_by_key(|entry| format!("{} {}", entry["startTime"], entry["cdrId"]));
    document
}

pub(super) fn by_call(documents: Vec<Value>) -> BTreeMap<String, Value> {
    let id = |one: &Value| one["phonon-uuid"].as_str().unwrap().to_owned();
    let documents = documents.into_iter().map(by_start);
    documents.map(|one| (id(&one), one)).collect()
}

/// Returns the `uuid_dump` of each channel that lives after these events.
fn dumps(events: &[Event]) -> BTreeMap<&str, Event> {
    let mut dumps = BTreeMap::new();
    for event in events {
        let uuid = event.text("Unique-ID");
        match event.text("Event-Name") {
            "CHANNEL_DESTROY" => drop(dumps.remove(uuid)),
            name if name.starts_with("CHANNEL_") || name.starts_with("RECORD_") => {
                dumps.insert(uuid, event.clone().with("Event-Name", "CHANNEL_DATA"));
            }
            _ => {}
        }
    }
    dumps
}

/// Returns the documents of a call without the events from `start` to `end`. If not `dumped`, the
/// later events came before the switch's lists.
fn with_a_gap(events: &[Event], start: usize, end: usize, dumped: bool) -> Vec<Value> {
    let mut ledger = Ledger::new(LedgerOptions::default());
    let mut calls = Vec::new();
    for event in &events[..start] {
        calls.extend(over(ledger.apply(event, 0)));
    }
    calls.extend(over(ledger.note_gap()));
    let alive = dumps(&events[..end]);
    let lives = |uuid: &str| alive.contains_key(uuid);
    calls.extend(over(ledger.mark_lost("fs1", &lives, 1, 1)));
    for dump in alive.values().filter(|_| dumped) {
        calls.extend(over(ledger.apply(dump, 1)));
    }
    for event in &events[end..] {
        calls.extend(over(ledger.apply(event, 2)));
    }
    calls.extend(over(
        ledger.expire(3 + LedgerOptions::default().patience_us),
    ));
    assert_eq!(ledger.legs(), 0);
    documents(&calls)
}

/// Counts the gaps, and the documents after one that claim to be whole.
fn play(folder: &str, name: &str) -> (usize, usize) {
    let events = of_capture(folder, name);
    let expected = by_call(documents(&calls(&events)));
    let (mut gaps, mut whole) = (0, 0);
    for start in 0..events.len() {
        let ends = LENGTHS.map(|length| start.saturating_add(length).min(events.len()));
        // Every length where most can be missed.
        let every = (start + 1..=events.len()).filter(|_| name.contains("recordings"));
        let ends = every.chain(ends).collect::<BTreeSet<_>>().into_iter();
        for (end, dumped) in ends.flat_map(|end| [(end, true), (end, false)]) {
            gaps += 1;
            for (id, document) in by_call(with_a_gap(&events, start, end, dumped)) {
                if document.get("incomplete").is_none() {
                    whole += 1;
                    let lost = events[start..end].iter();
                    let lost: Vec<&str> = lost.map(|event| event.text("Event-Name")).collect();
                    let known = expected.get(&id);
                    assert_eq!(Some(&document), known, "{name} without {start} {lost:?}");
                }
            }
        }
    }
    (gaps, whole)
}

fn ways() -> impl Iterator<Item = String> {
    WAYS.iter().map(|(name, _)| (*name).to_owned())
}

#[test]
fn a_document_after_a_gap_is_whole_or_says_that_it_is_not() {
    let (mut gaps, mut whole) = (0, 0);
    let known = names().into_iter().map(|name| ("json_events", name));
    for (folder, name) in known.chain(ways().map(|name| ("ways", name))) {
        let played = play(folder, &name);
        gaps += played.0;
        whole += played.1;
    }
    assert!(gaps > 6_000, "{gaps}");
    assert!(
        whole > gaps / 10,
        "{whole} of {gaps}: it must not be a habit"
    );
}
