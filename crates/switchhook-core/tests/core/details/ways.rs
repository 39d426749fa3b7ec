//! Whose leg is it: the documents of calls that agents' legs outlive, played at the switch's pace.
//!
//! The golden files of `tests/golden/ways` have the whole documents; the table here says of each
//! capture who is in which document.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use crate::details::events::{Event, names, of_capture};
use crate::details::facts::is_golden;
use crate::details::ledgers::{documents, over};
use serde_json::Value;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::ledger::{Ledger, LedgerOptions};

const SECOND: i64 = 1_000_000;

/// Plays events at the times that they have, with a tick each second. Returns each call with the
/// time at which it was over.
pub(super) fn played(events: &[Event]) -> Vec<(i64, FinishedCall)> {
    let mut ledger = Ledger::new(LedgerOptions::default());
    let mut calls = Vec::new();
    let mut now: i64 = events[0].text("Event-Date-Timestamp").parse().unwrap();
    for event in events {
        let at: i64 = event.text("Event-Date-Timestamp").parse().unwrap();
        while now + SECOND < at {
            now += SECOND;
            calls.extend(over(ledger.expire(now)).into_iter().map(|call| (now, call)));
        }
        now = now.max(at);
        calls.extend(
            over(ledger.apply(event, now))
                .into_iter()
                .map(|call| (now, call)),
        );
    }
    for _ in 0..10 {
        now += SECOND;
        calls.extend(over(ledger.expire(now)).into_iter().map(|call| (now, call)));
    }
    assert_eq!(
        (ledger.legs(), ledger.calls()),
        (0, 0),
        "a call still waits"
    );
    calls
}

/// Returns who is in a document: numbers, `~` after one that took part, and the recordings.
fn told(document: &Value) -> String {
    let entries = document["callDetails"].as_array().unwrap().iter();
    let entry = |entry: &Value| {
        let part = if entry["tookPart"] == true { "~" } else { "" };
        format!("{}{part}", entry["calleeNumber"].as_str().unwrap_or("-"))
    };
    let recordings = document["recordingUrls"].as_array().into_iter().flatten();
    let recordings = recordings.map(|one| one["recordedFileName"].as_str().unwrap().to_owned());
    let told: Vec<String> = entries.map(entry).chain(recordings).collect();
    let gap = document.get("incomplete").map_or("", |_| " incomplete");
    told.join(" ") + gap
}

/// Each capture, and who is in each of its documents.
pub(crate) const WAYS: [(&str, &[&str]); 15] = [
    (
        "agent-of-one-customer-goes-on-to-another",
        &["919800000001 agent1~", "919800000002 agent1~", "agent1"],
    ),
    ("agent-parked-then-one-customer", &["agent1 919800000001"]),
    ("conference-dials-agent-part_of", &["919800000001 agent1"]),
    (
        "conference-recorded",
        &[
            "919800000001 room.wav",
            "919800000002 room.wav",
            "919800000003 room.wav",
            "919800000004",
        ],
    ),
    ("inbound-privacy-id", &["- first"]),
    ("outbound-redirected-302", &["agent9"]),
    (
        "several-agents-dialled-first-part_of",
        &["agent1 agent2 919800000001"],
    ),
    (
        "standing-agent-bridges-in-a-row",
        &[
            "919800000001 1002~",
            "919800000002 1002~",
            "919800000003 1002~",
            "1002",
        ],
    ),
    (
        "standing-agent-bridges-in-a-row-and-goes",
        &[
            "919800000001 agent1~",
            "919800000002 agent1~",
            "919800000003 agent1~",
            "agent1",
        ],
    ),
    (
        "standing-agent-callcenter-uuid-standby",
        &[
            "919800000001 agent1~",
            "919800000002 agent1~",
            "919800000003 agent1~",
            "agent1",
        ],
    ),
    (
        "standing-agent-fifo-out-wait",
        &[
            "919800000001 agent1~",
            "919800000002 agent1~",
            "919800000003 agent1~",
            "agent1",
        ],
    ),
    (
        "standing-agent-fifo-out-wait-dials-in",
        &["919800000001 1002~", "919800000002 1002~", "1002"],
    ),
    (
        "standing-agent-parked-between-uuid_bridges",
        &[
            "919800000001 agent1~",
            "919800000002 agent1~ rec-b.wav",
            "919800000003 agent1~",
            "agent1",
        ],
    ),
    (
        "standing-agent-that-dials-none-and-bridges",
        &["919800000001 agent1~", "919800000002 agent1~", "agent1"],
    ),
    (
        "two-customers-bridged-one-goes-on",
        &["919800000001 919800000002~", "919800000002 919800000001~"],
    ),
];

#[test]
fn each_customer_has_a_document_whatever_the_agents_leg_does() {
    let mut wrong = Vec::new();
    for (name, expected) in WAYS {
        let calls: Vec<FinishedCall> = played(&of_capture("ways", name))
            .into_iter()
            .map(|(_, call)| call)
            .collect();
        let documents = documents(&calls);
        let told: Vec<String> = documents.iter().map(told).collect();
        if told != expected {
            wrong.push(format!("{name}: {told:#?}"));
        }
        is_golden("ways", name, &documents);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A document is due when the customer's own legs are down, or when it has shown whether the
/// agent's leg goes on.
#[test]
fn no_customers_document_waits_for_an_agent_who_goes_on() {
    for (name, _) in WAYS {
        let events = of_capture("ways", name);
        for (at, call) in played(&events) {
            let own = call
                .legs
                .iter()
                .filter_map(|leg| leg.ended_us)
                .max()
                .unwrap();
            assert!(
                at - own < 7 * SECOND,
                "{name}: {} waited {}",
                call.id,
                at - own
            );
        }
    }
}

/// Every leg of every capture is whole in exactly one document, and no document has another
/// customer's leg whole.
#[test]
fn every_leg_is_whole_in_one_document() {
    let further = WAYS.map(|(name, _)| ("ways", name.to_owned()));
    let known = names().into_iter().map(|name| ("json_events", name));
    for (folder, name) in known.chain(further) {
        let events = of_capture(folder, &name);
        let created = events
            .iter()
            .filter(|event| event.text("Event-Name") == "CHANNEL_CREATE");
        let mut all: BTreeSet<String> = created
            .map(|event| event.text("Unique-ID").to_owned())
            .collect();
        if all.is_empty() {
            continue;
        }
        for (_, call) in played(&events) {
            for leg in &call.legs {
                let known = std::iter::once(&leg.uuid).any(|uuid| all.remove(uuid));
                assert!(known, "{name}: {} twice", leg.uuid);
            }
        }
        assert!(
            all.is_empty() || name.contains("CHANNEL_UUID"),
            "{name}: {all:?}"
        );
    }
}

/// Legs that others made are with them, and those who only talked are not.
#[test]
fn the_keys_of_a_document_are_its_own_customers() {
    let mut seen = BTreeMap::new();
    for (name, _) in WAYS {
        let events = of_capture("ways", name);
        for (_, call) in played(&events) {
            let leads: BTreeSet<String> = call
                .flows()
                .into_iter()
                .flat_map(|flow| flow.keys.iter())
                .filter(|(key, _)| key == "leadid")
                .map(|(_, lead)| lead.clone())
                .collect();
            assert!(leads.len() <= 1, "{name}: {leads:?}");
            *seen.entry(name).or_insert(0) += leads.len();
        }
    }
    assert!(seen.values().sum::<usize>() > 20, "{seen:?}");
}
