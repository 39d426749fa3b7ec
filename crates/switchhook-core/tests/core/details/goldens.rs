//! The document of every call captured on a real switch, as whole JSON.
//!
//! Each golden file was read against its capture by hand. [`facts`] checks the same from the raw
//! events and not through the code under test: every leg once, its numbers those of
//! CHANNEL_CREATE, its talk time the switch's (`billmsec`, within its 20 ms tick), the right end
//! that hung up, the right cause.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use crate::details::events::of_capture;
use crate::details::facts::{holds_the_facts, is_golden};
use crate::details::ledgers::{calls, documents};
use serde_json::{Value, json};

/// Checks one capture: its documents as whole JSON, and the facts.
fn shows(folder: &str, events_folder: &str, name: &str) -> Vec<Value> {
    let events = of_capture(events_folder, name);
    let documents = documents(&calls(&events));
    holds_the_facts(&events, &documents);
    is_golden(folder, name, &documents);
    documents
}

fn both(name: &str) -> [Vec<Value>; 2] {
    [shows("json", "json_events", name), shows("plain", "", name)]
}

/// Returns `calleeType` of each leg, `-` if it has none.
fn types(document: &Value) -> Vec<&str> {
    let entries = document["callDetails"].as_array().unwrap();
    let types = entries.iter().map(|entry| entry["calleeType"].as_str());
    types.map(|kind| kind.unwrap_or("-")).collect()
}

#[test]
fn the_caller_hangs_up() {
    for documents in both("inbound-caller-hangs-up") {
        assert_eq!(documents.len(), 1);
        assert_eq!(types(&documents[0]), ["-"]);
        assert_eq!(documents[0]["callDetails"][0]["incoming"], true);
    }
}

#[test]
fn the_switch_hangs_up() {
    for documents in both("inbound-switch-hangs-up") {
        assert_eq!(documents.len(), 1);
        assert_eq!(types(&documents[0]), ["-"]);
    }
}

#[test]
fn customer_and_agent_are_recorded() {
    for documents in both("outbound-customer-then-agent-recorded") {
        assert_eq!(documents.len(), 1);
        assert_eq!(types(&documents[0]), ["VISITOR", "AGENT"]);
        let [first, second] = [0, 1].map(|index| &documents[0]["callDetails"][index]);
        assert_eq!(
            [&first["didNumber"], &second["didNumber"]],
            ["912243690284"; 2]
        );
        let recordings = json!([{
            "recordedFileName": "919879072567-20261123.wav",
            "recordedFilePublicPath": "https://rec.example/919879072567-20261123.wav",
        }]);
        assert_eq!(documents[0]["recordingUrls"], recordings);
        let keys = json!([{"name": "$flow.key.leadid", "value": "HFC123"}]);
        assert_eq!(documents[0]["keys"], keys);
    }
}

#[test]
fn three_agents_ring_and_one_answers() {
    for documents in both("outbound-multicast-one-of-three-agents-answers") {
        assert_eq!(documents.len(), 1);
        assert_eq!(types(&documents[0]), ["VISITOR", "AGENT", "AGENT", "AGENT"]);
        let entries = documents[0]["callDetails"].as_array().unwrap();
        let answered = entries.iter().filter(|entry| entry["duration"] != "0");
        assert_eq!(answered.count(), 2);
    }
}

#[test]
fn the_far_end_refuses() {
    for documents in both("outbound-refused") {
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0]["callDetails"][0]["duration"], "0");
        assert_eq!(documents[0]["callDetails"][0]["incoming"], false);
    }
}

#[test]
fn nobody_answers() {
    for documents in both("outbound-no-answer") {
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0]["callDetails"][0].get("connectTime"), None);
    }
}

#[test]
fn a_blind_transfer_keeps_the_second_agent_in_the_call() {
    for documents in both("outbound-blind-transfer-to-second-agent") {
        assert_eq!(documents.len(), 1);
        assert_eq!(types(&documents[0]), ["VISITOR", "AGENT", "AGENT"]);
    }
}

#[test]
fn percent_signs_in_variables_stay_as_they_are() {
    let name = "outbound-percent-signs-show-channels-uuid-dump";
    let documents = shows("json", "json_events", name);
    let keys = json!([
        {"name": "$flow.key.discount", "value": "100%25 off"},
        {"name": "$flow.key.pct", "value": "50%20 and 100%"},
    ]);
    assert_eq!(documents[0]["keys"], keys);
}
