//! The ledger with events that are missing, late, repeated or renamed.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use crate::details::ledgers::{documents, over};
use crate::details::made::Made;
use serde_json::{Value, json};
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};
use switchhook_core::leg::{Leg, Phase};

const SECOND: i64 = 1_000_000;
const PATIENCE: i64 = 60 * SECOND;

const CUSTOMER: Made<'_> = Made {
    uuid: "customer",
    inbound: true,
    caller: "919879072567",
    destination: "7000",
    created: "2022-01-17T18:07:21.952+05:30",
    answered: "2022-01-17T18:07:28.889+05:30",
    ended: "2022-01-17T18:07:44.851+05:30",
    disposition: "recv_bye",
    headers: &[("variable_flow.key.leadid", "HFC123")],
};

const AGENT: Made<'_> = Made {
    uuid: "agent",
    inbound: false,
    destination: "agent1",
    created: "2022-01-17T18:07:31.153+05:30",
    answered: "2022-01-17T18:07:40.142+05:30",
    headers: &[("variable_originator", "customer")],
    ..CUSTOMER
};

fn ledger() -> Ledger {
    Ledger::new(LedgerOptions::default())
}

fn only(effects: Vec<Effect>) -> Value {
    let documents = documents(&over(effects));
    assert_eq!(documents.len(), 1);
    documents[0].clone()
}

#[test]
fn a_leg_whose_details_never_come_is_closed_after_a_while_and_says_what_it_lacks() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    ledger.apply(&CUSTOMER.answer(), 0);
    ledger.apply(&CUSTOMER.hangup(), SECOND);
    assert!(
        ledger.expire(PATIENCE).is_empty(),
        "its details may still come"
    );
    let document = only(ledger.expire(SECOND + PATIENCE));
    let entry = json!({
        "calleeNumber": "919879072567",
        "connectTime": "2022-01-17T18:07:28.889+05:30",
        "didNumber": "7000",
        "incoming": true,
        "startTime": "2022-01-17T18:07:21.952+05:30",
    });
    assert_eq!(document["callDetails"], json!([entry]));
    assert_eq!(document["incomplete"], true);
    let missing =
        ["duration", "endTime", "hangupCause"].map(|name| format!("callDetails[0].{name}"));
    assert_eq!(document["missing"], json!(missing));
    assert!(
        ledger.apply(&CUSTOMER.complete(), 2 * PATIENCE).is_empty(),
        "too late"
    );
}

#[test]
fn the_destruction_of_a_channel_has_all_that_its_lost_hangup_had() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    ledger.apply(&CUSTOMER.record("RECORD_START", "/rec/a.wav"), 0);
    let destroyed = CUSTOMER.complete().with("Event-Name", "CHANNEL_DESTROY");
    let document = only(ledger.apply(&destroyed, 0));
    assert_eq!(document.get("missing"), None);
    assert_eq!(document["recordingUrls"][0]["recordedFileName"], "a.wav");
}

#[test]
fn a_call_waits_for_its_recording() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    ledger.apply(&CUSTOMER.record("RECORD_START", "/rec/a.wav"), 0);
    assert!(over(ledger.apply(&CUSTOMER.complete(), 0)).is_empty());
    let document = only(ledger.apply(&CUSTOMER.record("RECORD_STOP", "/rec/a.wav"), 0));
    assert_eq!(document["recordingUrls"].as_array().unwrap().len(), 1);
}

#[test]
fn a_recording_that_is_never_closed_is_missing() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    ledger.apply(&CUSTOMER.record("RECORD_START", "/rec/a.wav"), 0);
    ledger.apply(&CUSTOMER.complete(), 0);
    let document = only(ledger.expire(PATIENCE));
    assert_eq!(document.get("recordingUrls"), None);
    assert_eq!(document["missing"], json!(["recordingUrls"]));
}

#[test]
fn a_leg_that_is_only_named_is_waited_for_and_then_missing() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    let named = CUSTOMER
        .complete()
        .with("variable_originated_legs", "agent;Outbound Call;agent1");
    assert!(over(ledger.apply(&named, 0)).is_empty());
    let document = only(ledger.expire(PATIENCE));
    assert_eq!(document["missing"], json!(["leg agent"]));

    let mut ledger = Ledger::new(LedgerOptions::default());
    ledger.apply(&CUSTOMER.create(), 0);
    ledger.apply(&named, 0);
    ledger.apply(&AGENT.create(), 0);
    let document = only(ledger.apply(&AGENT.complete(), 0));
    assert_eq!(document.get("missing"), None, "it came");
}

#[test]
fn a_call_whose_first_leg_was_never_seen_has_an_id_of_its_own_and_claims_nothing_of_it() {
    let mut ledger = ledger();
    ledger.apply(&AGENT.complete(), 0);
    let document = only(ledger.expire(PATIENCE));
    assert_eq!(document["phonon-uuid"], "agent");
    let entry = &document["callDetails"][0];
    assert_eq!(
        (entry.get("incoming"), entry.get("didNumber")),
        (None, None)
    );
    let missing = document["missing"].as_array().unwrap();
    assert!(missing.contains(&json!("leg customer")), "{missing:?}");
}

#[test]
fn a_leg_that_turns_up_after_its_call_was_reported_is_a_call_that_says_so() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    assert_eq!(over(ledger.apply(&CUSTOMER.complete(), 0)).len(), 1);
    let document = only(ledger.apply(&AGENT.complete(), 0));
    assert_eq!(
        document["phonon-uuid"], "agent",
        "not the one that is delivered"
    );
    assert_eq!(document["incomplete"], true);
}

#[test]
fn what_is_said_of_a_finished_leg_again_makes_no_call() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    assert_eq!(over(ledger.apply(&CUSTOMER.complete(), 0)).len(), 1);
    for event in [CUSTOMER.create(), CUSTOMER.hangup(), CUSTOMER.complete()] {
        assert!(ledger.apply(&event, 0).is_empty());
    }
    let again = Made {
        created: "2022-01-18T18:07:21.952+05:30",
        ..CUSTOMER
    };
    assert_eq!(
        ledger.apply(&again.create(), 0),
        [Effect::Store("customer".into())]
    );
}

#[test]
fn a_leg_first_seen_in_the_middle_of_its_life_says_that_its_number_may_be_another() {
    let transferred = CUSTOMER.answer().with("Caller-Profile-Index", "2");
    let mut ledger = ledger();
    ledger.apply(
        &transferred.with("Caller-Destination-Number", "lookup-line-0"),
        0,
    );
    let ended = CUSTOMER.complete().with("Caller-Profile-Index", "2");
    let document = only(ledger.apply(&ended, 0));
    assert_eq!(document["missing"], json!(["callDetails[0].didNumber"]));

    let mut ledger = Ledger::new(LedgerOptions::default());
    let invited = ended.with("variable_sip_req_user", "7000");
    let document = only(ledger.apply(&invited.with("Caller-Destination-Number", "x"), 0));
    assert_eq!(
        document["callDetails"][0]["didNumber"], "7000",
        "the INVITE's"
    );
    assert_eq!(document.get("missing"), None);
}

#[test]
fn an_unchanged_leg_is_not_stored_again() {
    let mut ledger = ledger();
    let stored = [Effect::Store("customer".into())];
    assert_eq!(
        ledger.apply(&CUSTOMER.create().with("Event-Sequence", "1"), 0),
        stored
    );
    assert!(
        ledger
            .apply(&CUSTOMER.create().with("Event-Sequence", "2"), 0)
            .is_empty()
    );
    assert_eq!(
        ledger.apply(&CUSTOMER.answer().with("Event-Sequence", "3"), 0),
        stored
    );
}

#[test]
fn an_older_event_that_comes_late_does_not_bring_old_variables_back() {
    let key = "variable_flow.key.leadid";
    let mut ledger = ledger();
    ledger.apply(
        &CUSTOMER
            .answer()
            .with("Event-Sequence", "9")
            .with(key, "new"),
        0,
    );
    ledger.apply(
        &CUSTOMER
            .create()
            .with("Event-Sequence", "8")
            .with(key, "old"),
        0,
    );
    let leg = ledger.leg("customer").unwrap();
    assert_eq!(leg.flow.keys, [("leadid".to_owned(), "new".to_owned())]);
    assert!(leg.numbers.is_reliable());
}

#[test]
fn a_renamed_leg_goes_on_under_its_new_unique_id() {
    let renamed = Made {
        uuid: "renamed",
        ..CUSTOMER
    };
    let event = renamed
        .event("CHANNEL_UUID")
        .with("Old-Unique-ID", "customer");
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 0);
    ledger.apply(&AGENT.create(), 0);
    let effects = ledger.apply(&event, 0);
    assert_eq!(
        effects,
        [
            Effect::Store("renamed".into()),
            Effect::Forget("customer".into())
        ]
    );
    ledger.apply(&AGENT.complete(), 0);
    let document = only(ledger.apply(&renamed.complete(), 0));
    assert_eq!(
        document["phonon-uuid"], "customer",
        "what it was created with"
    );
    assert_eq!(document["callDetails"][0]["cdrId"], "renamed##pbx-9");
    assert_eq!(document["callDetails"].as_array().unwrap().len(), 2);
    assert!(ledger.apply(&CUSTOMER.complete(), 0).is_empty());
}

#[test]
fn legs_that_a_switch_no_longer_has_are_lost_and_those_it_spoke_of_since_are_not() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 1);
    let other = Made {
        uuid: "other",
        ..CUSTOMER
    };
    ledger.apply(&other.create(), 5);
    assert!(
        ledger
            .mark_lost("another switch", &|_| false, 4, 6)
            .is_empty()
    );
    assert!(ledger.mark_lost("pbx-9", &|_| true, 4, 6).is_empty());
    let effects = ledger.mark_lost("pbx-9", &|_| false, 4, 6);
    assert_eq!(effects, [Effect::Store("customer".into())]);
    assert_eq!(ledger.leg("customer").unwrap().phase, Phase::Lost);
    let document = only(ledger.expire(6 + PATIENCE));
    let missing = document["missing"].as_array().unwrap();
    for name in [
        "callDetails[0].connectTime",
        "callDetails[0].endTime",
        "keys",
    ] {
        assert!(missing.contains(&json!(name)), "{missing:?}");
    }
    assert_eq!(ledger.legs(), 1);
}

/// The file may be whole or not: that shows when it is published.
#[test]
fn what_a_lost_leg_recorded_is_in_its_document() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 1);
    ledger.apply(&CUSTOMER.record("RECORD_START", "/rec/a.wav"), 1);
    ledger.mark_lost("pbx-9", &|_| false, 2, 2);
    let document = only(ledger.expire(2 + PATIENCE));
    assert_eq!(
        document["recordingUrls"][0]["recordedFileName"], "a.wav",
        "{document:#}"
    );
}

#[test]
fn a_lost_leg_that_speaks_lives() {
    let mut ledger = ledger();
    ledger.apply(&CUSTOMER.create(), 1);
    ledger.mark_lost("pbx-9", &|_| false, 2, 2);
    ledger.apply(&CUSTOMER.answer(), 3);
    assert_eq!(ledger.leg("customer").unwrap().phase, Phase::Up);
    assert!(ledger.expire(10 * PATIENCE).is_empty());
}

#[test]
fn a_call_that_was_over_when_the_service_died_is_over_when_it_starts() {
    let mut ledger = ledger();
    let mut leg = Leg::new("customer");
    leg.phase = Phase::Down;
    assert_eq!(over(ledger.restore([leg], 0)).len(), 1);
    assert_eq!((ledger.legs(), ledger.calls()), (0, 0));
}

#[test]
fn a_stored_leg_of_another_version_is_read_as_far_as_it_goes() {
    let stored =
        r#"{"uuid":"a","phase":"up","new_field":[1],"flow":{"keys":[["k","v"]],"more":1}}"#;
    let leg: Leg = serde_json::from_str(stored).unwrap();
    assert_eq!((leg.uuid.as_str(), leg.phase), ("a", Phase::Up));
    assert_eq!(leg.flow.keys.len(), 1);
}

#[test]
fn a_call_of_loopback_channels_alone_has_a_leg() {
    let pair = |uuid, name, peer| {
        let headers = vec![
            ("Channel-Name", name),
            ("variable_other_loopback_leg_uuid", peer),
        ];
        (uuid, headers)
    };
    let mut ledger = ledger();
    let mut calls = Vec::new();
    for (uuid, headers) in [
        pair("a", "loopback/7000-a", "b"),
        pair("b", "loopback/7000-b", "a"),
    ] {
        let leg = Made {
            uuid,
            headers: &headers,
            ..CUSTOMER
        };
        ledger.apply(&leg.create(), 0);
        calls.extend(over(ledger.apply(&leg.complete(), 0)));
    }
    assert_eq!(calls.len(), 1);
    let parties: Vec<&str> = calls[0].parties().map(|leg| leg.uuid.as_str()).collect();
    assert_eq!((parties, calls[0].id.as_str()), (vec!["b"], "b"));
}

#[test]
fn a_rename_that_was_half_stored_leaves_one_leg() {
    let renamed = Made {
        uuid: "renamed",
        ..CUSTOMER
    };
    let mut before = ledger();
    before.apply(&CUSTOMER.create(), 0);
    let old = before.leg("customer").unwrap().clone();
    let event = renamed.event("CHANNEL_UUID");
    before.apply(&event.with("Old-Unique-ID", "customer"), 0);
    let new = before.leg("renamed").unwrap().clone();
    let mut after = ledger();
    let effects = after.restore([old, new], 0);
    assert_eq!(effects, [Effect::Forget("customer".into())]);
    assert_eq!(after.legs(), 1);
    assert_eq!(over(after.apply(&renamed.complete(), 0)).len(), 1);
    assert_eq!(after.calls(), 0);
}

/// One call a second. Half of them never get their details, so they wait a minute.
#[test]
fn what_is_over_takes_no_memory() {
    let options = LedgerOptions {
        remembered: 100,
        ..LedgerOptions::default()
    };
    let mut ledger = Ledger::new(options);
    for call in 0..5_000_i64 {
        let uuid = format!("call {call}");
        let leg = Made {
            uuid: &uuid,
            ..CUSTOMER
        };
        ledger.apply(&leg.create(), call * SECOND);
        let gone = if call % 2 == 0 {
            leg.complete()
        } else {
            leg.hangup()
        };
        ledger.apply(&gone, call * SECOND);
        ledger.expire(call * SECOND);
        assert!(ledger.tracked_uuids() <= 100 + 2 * 31);
    }
}
