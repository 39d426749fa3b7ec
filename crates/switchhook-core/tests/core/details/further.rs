//! The documents of further calls captured on a real switch: transfers, intercept, conference,
//! loopback, hunt, cancel, queues, two calls at once, failing originates, the agent dialled
//! first.
//!
//! Besides the whole documents (`tests/golden/further`), `tests/golden/phones.txt` has what the
//! telephones of those calls saw: which legs make a call, the part of each, how long each talked,
//! which side hung up.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::details::events::of_capture;
use crate::details::facts::{holds_the_facts, is_golden, uuid_of};
use crate::details::ledgers::{calls, documents};
use serde_json::{Value, json};

/// The view of one telephone.
struct Party {
    leg: &'static str,
    callee_type: &'static str,
    talk_ms: Option<i64>,
    ended_by: &'static str,
}

/// Returns the calls of each capture, each with its parties.
fn phones() -> BTreeMap<&'static str, Vec<Vec<Party>>> {
    let mut captures: BTreeMap<_, Vec<Vec<Party>>> = BTreeMap::new();
    let mut name = "";
    let lines = include_str!("../../../../../tests/golden/phones.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(next) = line.strip_prefix("= ") {
            name = next;
            captures.insert(name, Vec::new());
            continue;
        }
        let calls = captures.get_mut(name).unwrap();
        match *line.split(' ').collect::<Vec<_>>() {
            ["call"] => calls.push(Vec::new()),
            [leg, callee_type, talk, ended_by, _phone] => calls.last_mut().unwrap().push(Party {
                leg,
                callee_type,
                talk_ms: talk.parse().ok(),
                ended_by,
            }),
            _ => panic!("{line}"),
        }
    }
    captures
}

/// Returns the documents of a capture, after all checks.
fn shows(name: &str) -> Vec<Value> {
    let events = of_capture("json_events", name);
    let documents = documents(&calls(&events));
    holds_the_facts(&events, &documents);
    let seen = &phones()[name];
    assert_eq!(documents.len(), seen.len(), "{name}");
    for parties in seen {
        let starts = |document: &&Value| {
            uuid_of(document, &document["callDetails"][0]).starts_with(parties[0].leg)
        };
        let document = documents.iter().find(starts).unwrap();
        agrees(document, parties);
    }
    is_golden("further", name, &documents);
    documents
}

/// Checks a document against the telephones' view.
fn agrees(document: &Value, parties: &[Party]) {
    let entries = document["callDetails"].as_array().unwrap();
    assert_eq!(entries.len(), parties.len());
    for (entry, party) in entries.iter().zip(parties) {
        assert!(uuid_of(document, entry).starts_with(party.leg), "{entry}");
        let callee_type = entry["calleeType"].as_str().unwrap_or("-");
        assert_eq!(callee_type, party.callee_type);
        talked(entry, party);
        let remote = match party.ended_by {
            "far" | "nobody" => json!(true),
            "switch" => json!(false),
            _ => Value::Null,
        };
        if entries.len() > 1 {
            assert_eq!(entry["remoteHangup"], remote);
        }
    }
}

/// The switch learns of a BYE within two ticks of its clock, and later under load.
fn talked(entry: &Value, party: &Party) {
    let duration: i64 = entry["duration"].as_str().unwrap().parse().unwrap();
    let Some(talk_ms) = party.talk_ms else {
        assert_eq!(duration, 0);
        assert_eq!(entry.get("connectTime"), None);
        return;
    };
    assert!(
        (duration - talk_ms).abs() <= 100,
        "{entry} and {talk_ms} ms"
    );
}

/// Returns `calleeNumber` of each leg, and whether it was answered.
fn talkers(document: &Value) -> Vec<(&str, bool)> {
    let entries = document["callDetails"].as_array().unwrap();
    let talkers = entries.iter();
    talkers
        .map(|entry| {
            (
                entry["calleeNumber"].as_str().unwrap(),
                entry["duration"] != "0",
            )
        })
        .collect()
}

const CUSTOMER: &str = "919879072567";

#[test]
fn a_call_through_the_hook_keeps_the_numbers_it_was_created_with() {
    let documents = shows("inbound-7000-through-hook-and-transfer");
    let first = &documents[0]["callDetails"][0];
    assert_eq!(
        (&first["calleeNumber"], &first["didNumber"]),
        (&json!(CUSTOMER), &json!("7000"))
    );
    let keys = documents[0]["keys"].as_array().unwrap();
    let names: Vec<&str> = keys
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"$flow.key.customer_name"));
    assert!(!names.contains(&"$flow.key.response_raw"));
}

#[test]
fn a_call_whose_hook_nobody_serves_says_so_in_its_keys() {
    let documents = shows("inbound-7000-nobody-answers-the-hook-line-1");
    let keys = documents[0]["keys"].as_array().unwrap();
    let reason = json!({"name": "$flow.key.error_reason", "value": "CONNECTION_FAILURE"});
    assert!(keys.contains(&reason));
}

#[test]
fn an_attended_transfer_joins_the_consultation_with_the_call() {
    let parties = [
        (CUSTOMER, true),
        ("agent1", true),
        ("agent1", true),
        ("agent2", true),
    ];
    for name in [
        "inbound-attended-transfer-refer-replaces",
        "inbound-attended-transfer-with-transfer-events",
    ] {
        let documents = shows(name);
        assert_eq!(talkers(&documents[0]), parties);
        // The consultation came from the agent's telephone, so its number is the one it dialled.
        assert_eq!(documents[0]["callDetails"][2]["didNumber"], "1002");
        assert_eq!(documents[0]["callDetails"][3]["didNumber"], "7101");
    }
}

#[test]
fn a_transfer_while_the_second_agent_rings_is_one_call() {
    let documents = shows("inbound-attended-transfer-refer-while-ringing");
    let parties = [
        (CUSTOMER, true),
        ("agent1", true),
        ("agent1", false),
        ("agent2", true),
    ];
    assert_eq!(talkers(&documents[0]), parties);
    assert_eq!(documents[0]["callDetails"][2].get("remoteHangup"), None);
}

#[test]
fn a_transfer_by_the_dialplan_is_one_call() {
    let documents = shows("inbound-attended-transfer-att_xfer");
    assert_eq!(
        talkers(&documents[0]),
        [(CUSTOMER, true), ("agent1", true), ("agent2", true)]
    );
}

#[test]
fn a_blind_transfer_by_the_telephone_is_one_call() {
    for name in [
        "inbound-blind-transfer-refer",
        "inbound-blind-transfer-with-transfer-events",
        "outbound-blind-transfer-refer",
    ] {
        let documents = shows(name);
        assert_eq!(
            talkers(&documents[0]),
            [(CUSTOMER, true), ("agent1", true), ("agent2", true)]
        );
    }
}

#[test]
fn two_calls_that_are_bridged_become_the_older_one() {
    let documents = shows("inbound-intercept-uuid_bridge-of-two-calls");
    let document = &documents[0];
    assert_eq!(
        uuid_of(document, &document["callDetails"][0]),
        document["phonon-uuid"]
    );
    let keys = json!([{"name": "$flow.key.leadid", "value": "HFC7102"}]);
    assert_eq!(document["keys"], keys, "the older call's first leg wins");
    assert_eq!(
        document["callDetails"][2]["didNumber"], "7202",
        "the number that was called"
    );
}

#[test]
fn an_agent_who_picks_up_joins_the_call() {
    let documents = shows("inbound-pickup-with-intercept");
    assert_eq!(
        talkers(&documents[0]),
        [(CUSTOMER, true), ("agent1", false), ("agent2", true)]
    );
}

#[test]
fn everyone_in_a_conference_keeps_their_own_call() {
    assert_eq!(shows("inbound-conference-of-three-dial-in").len(), 3);
    let documents = shows("inbound-conference-of-three-both-legs-moved");
    assert_eq!(talkers(&documents[0]), [(CUSTOMER, true), ("agent1", true)]);
    assert_eq!(talkers(&documents[1]), [("agent2", true)]);
}

#[test]
fn a_loopback_channel_is_no_leg_whether_it_resigns_or_stays() {
    for name in [
        "inbound-loopback-that-resigns",
        "inbound-loopback-that-stays",
    ] {
        let documents = shows(name);
        assert_eq!(talkers(&documents[0]), [(CUSTOMER, true), ("agent1", true)]);
    }
}

#[test]
fn a_hunt_lists_the_agent_who_did_not_take_the_call() {
    for name in [
        "inbound-hunt-first-does-not-answer",
        "outbound-hunt-first-refuses",
    ] {
        let documents = shows(name);
        let parties = [(CUSTOMER, true), ("agent1", false), ("agent2", true)];
        assert_eq!(talkers(&documents[0]), parties);
    }
}

#[test]
fn a_caller_who_cancels_was_never_connected() {
    let documents = shows("inbound-caller-cancels-while-agent-rings");
    assert_eq!(
        talkers(&documents[0]),
        [(CUSTOMER, false), ("agent1", false)]
    );
    let documents = shows("inbound-caller-cancels-on-hold-in-the-hook");
    assert_eq!(talkers(&documents[0]), [(CUSTOMER, false)]);
}

#[test]
fn two_calls_at_once_stay_two() {
    let documents = shows("two-calls-at-once");
    let leads = documents
        .iter()
        .map(|document| &document["keys"][0]["value"]);
    assert_eq!(leads.collect::<Vec<_>>(), ["HFC207", "HFC7107"]);
}

#[test]
fn a_dial_that_never_made_a_leg_makes_no_document() {
    assert_eq!(shows("outbound-originate-fails-before-any-leg").len(), 0);
}

#[test]
fn a_leg_that_fails_at_once_is_a_call() {
    let documents = shows("outbound-originate-fails-nobody-listens");
    assert_eq!(documents[0]["callDetails"][0]["hangupCause"], "41");
    let documents = shows("inbound-bridge-fails-before-any-second-leg");
    assert_eq!(documents[0]["callDetails"][0]["hangupCause"], "20");
    let documents = shows("inbound-no-route");
    assert_eq!(documents[0]["callDetails"][0]["hangupCause"], "3");
}

#[test]
fn an_agent_dialled_first_is_the_agent() {
    let documents = shows("outbound-agent-dialled-first");
    assert_eq!(talkers(&documents[0]), [("agent1", true), (CUSTOMER, true)]);
    assert_eq!(documents[0]["callDetails"][1]["didNumber"], "912243690284");
}

#[test]
fn a_queue_lists_every_agent_it_rang() {
    let missed = [(CUSTOMER, true), ("agent1", false)];
    let taken = [(CUSTOMER, true), ("agent1", true)];
    let missed_first = [(CUSTOMER, true), ("agent1", false), ("agent1", true)];
    let another = [(CUSTOMER, true), ("agent1", false), ("agent2", true)];
    let dialled_in = [(CUSTOMER, true), ("agent2", true)];
    let queues: [(&str, &[(&str, bool)]); 6] = [
        ("inbound-queue-callcenter", &taken),
        (
            "inbound-queue-callcenter-agent-misses-then-answers",
            &missed_first,
        ),
        ("inbound-queue-callcenter-caller-abandons", &missed),
        ("inbound-queue-fifo-outbound-member", &taken),
        ("inbound-queue-fifo-agent-dials-in", &dialled_in),
        (
            "inbound-queue-fifo-member-misses-then-agent-dials-in",
            &another,
        ),
    ];
    for (name, parties) in queues {
        assert_eq!(talkers(&shows(name)[0]), parties, "{name}");
    }
}

#[test]
fn a_recording_is_listed_whichever_leg_it_is_of() {
    for (name, file) in [
        ("inbound-recorded-on-agent-leg", "agent-"),
        ("inbound-recorded-on-agent-leg-from-the-middle", "mid-"),
        ("inbound-recording-outlasts-the-bridge", "whole-"),
    ] {
        let documents = shows(name);
        let urls = documents[0]["recordingUrls"].as_array().unwrap();
        assert_eq!(urls.len(), 1);
        let recorded = urls[0]["recordedFileName"].as_str().unwrap();
        assert!(recorded.starts_with(file));
    }
}

#[test]
fn a_recording_that_the_switch_deleted_is_not_in_the_document() {
    // Too short, kept, and empty: the switch keeps the second file.
    let documents = shows("inbound-recordings-discarded");
    let urls = documents[0]["recordingUrls"].as_array().unwrap();
    let names = urls
        .iter()
        .map(|url| url["recordedFileName"].as_str().unwrap());
    let names: Vec<&str> = names.map(|name| &name[..5]).collect();
    assert_eq!(names, ["kept-"]);
    assert_eq!(documents[0].get("incomplete"), None);
}
