//! The document of a call in progress, and the values that templates may use.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use crate::details::events::{connect_reply, of_capture};
use crate::details::ledgers::{calls, format, url_of};
use serde_json::{Value, json};
use switchhook_core::details::{
    call_values, call_values_so_far, document_so_far, flow_keys, flow_keys_so_far, json_so_far,
};

#[test]
fn an_answered_call_on_hold_has_no_end() {
    let reply = connect_reply("socket-hold-then-line-0");
    let expected = json!({
        "callDetails": [{
            "calleeNumber": "sipp",
            "connectTime": "2026-11-24T00:54:52.232+05:30",
            "didNumber": "7000",
            "duration": "0",
            "incoming": true,
            "startTime": "2026-11-24T00:54:52.232+05:30",
        }],
        "keys": [{"name": "$flow.key.leadid", "value": "HFC123"}],
        "phonon-uuid": "9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe",
    });
    assert_eq!(document_so_far(&reply, &format()), expected);
    let text = json_so_far(&reply, &format());
    assert_eq!(String::from_utf8(text).unwrap(), expected.to_string());
}

#[test]
fn an_unanswered_call_on_hold_has_no_connect_time() {
    let reply = connect_reply("socket-7000-hook-then-line-0");
    let document = document_so_far(&reply, &format());
    let entry = &document["callDetails"][0];
    assert_eq!(entry["calleeNumber"], "919879072567");
    assert_eq!(
        (entry.get("connectTime"), &entry["duration"]),
        (None, &json!("0"))
    );
}

#[test]
fn the_duration_so_far_is_until_the_switch_wrote_the_headers() {
    let reply = connect_reply("socket-hold-then-line-0");
    let later = reply.with("Event-Date-Timestamp", "1795461893732246");
    let document = document_so_far(&later, &format());
    assert_eq!(document["callDetails"][0]["duration"], "1500");
}

#[test]
fn a_transferred_caller_on_hold_keeps_the_number_of_the_invite() {
    let reply = connect_reply("socket-hold-then-line-0");
    let moved = reply
        .with("Caller-Profile-Index", "2")
        .with("Caller-Destination-Number", "lookup");
    let document = document_so_far(&moved, &format());
    assert_eq!(document["callDetails"][0]["didNumber"], "7000");
}

#[test]
fn an_agent_on_hold_is_a_call_of_its_own() {
    let reply = connect_reply("socket-hold-then-line-0");
    let dialled = reply
        .with("Call-Direction", "outbound")
        .with("variable_originator", "customer");
    let document = document_so_far(&dialled, &format());
    assert_eq!(
        document["phonon-uuid"],
        "9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe"
    );
    assert_eq!(document["callDetails"][0]["incoming"], false);
}

#[test]
fn templates_have_the_values_of_a_call_in_progress() {
    let reply = connect_reply("socket-hold-then-line-0");
    let values = call_values_so_far(&reply);
    let shown = [
        "caller_number",
        "destination_number",
        "incoming",
        "uuid",
        "switch",
    ];
    let shown = shown.map(|name| values[name].clone());
    let uuid = "9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe";
    let expected = [
        json!("sipp"),
        json!("7000"),
        json!(true),
        json!(uuid),
        json!("fs1"),
    ];
    assert_eq!(shown, expected);
    let keys = flow_keys_so_far(&reply);
    assert_eq!(Value::Object(keys), json!({"leadid": "HFC123"}));
}

#[test]
fn templates_have_the_values_of_a_call_that_is_over() {
    let name = "inbound-recording-outlasts-the-bridge";
    let call = calls(&of_capture("json_events", name)).remove(0);
    let file = "whole-9d3e7f8f-1fe2-4aa2-b1b0-3f29bdb0f8b9.wav";
    let recording = json!({
        "recordedFileName": file,
        "recordedFilePublicPath": format!("https://rec.example/{file}"),
    });
    let expected = json!({
        "account": null,
        "answered": true,
        "caller_name": "919879072567",
        "caller_number": "919879072567",
        "destination_number": "7123",
        "did_number": "7123",
        "duration_ms": 4140,
        "flow": "inbound",
        "hangup_cause": "16",
        "hangup_cause_name": "NORMAL_CLEARING",
        "incoming": true,
        "legs": 2,
        "recordings": [recording],
        "remote_hangup": false,
        "ring_ms": 600,
        "switch": "fs1",
        "talk_ms": 2020,
        "uuid": "9d3e7f8f-1fe2-4aa2-b1b0-3f29bdb0f8b9",
    });
    assert_eq!(call_values(&call, &url_of), expected);
    assert_eq!(
        Value::Object(flow_keys(&call)),
        json!({"leadid": "HFC7123"})
    );
}

/// First with agent 1 for 1.66 s, then with agent 2 for 2.22 s; the customer's leg ends 20 ms
/// later.
#[test]
fn talk_time_adds_up_over_a_transfer_and_counts_nothing_twice() {
    let talk_ms = |name: &str| {
        let call = calls(&of_capture("json_events", name)).remove(0);
        call_values(&call, &|_| None)["talk_ms"].as_i64().unwrap()
    };
    let blind = talk_ms("inbound-blind-transfer-refer");
    assert!((blind - (1660 + 2220)).abs() <= 20, "{blind}");
    // The agents talk with each other while the customer waits: 5.88 s in all, not 7.5.
    assert_eq!(talk_ms("inbound-attended-transfer-att_xfer"), 5880);
    assert_eq!(talk_ms("inbound-caller-cancels-while-agent-rings"), 0);
}
