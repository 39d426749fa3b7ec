//! Legs with the values of the contract's sample documents give those documents, field for field.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use crate::details::events::Event;
use crate::details::ledgers::{calls, documents, format};
use crate::details::made::Made;
use serde_json::{Value, json};
use switchhook_core::details::{DocumentFormat, DurationUnit, LegFilter, document};

const ONE_LEG: Made<'_> = Made {
    uuid: "9d34878d-01a0-45ba-b5d6-6b097ae17611",
    inbound: true,
    caller: "919879072567",
    destination: "912243690284",
    created: "2022-01-17T18:07:21.952+05:30",
    answered: "2022-01-17T18:07:28.889+05:30",
    ended: "2022-01-17T18:07:44.851+05:30",
    disposition: "recv_bye",
    headers: &[
        ("variable_flow.name", "inbound"),
        ("variable_flow.key.leadid", "HFC123"),
    ],
};

const CUSTOMER: Made<'_> = Made {
    uuid: "f1ca3a63-7eb7-4a8d-b50c-fbbdd3807034",
    inbound: false,
    caller: "912243690284",
    destination: "919879072567",
    disposition: "send_bye",
    headers: &[
        ("variable_flow.name", "outbound"),
        ("variable_flow.key.customernum", "919822003887"),
        ("variable_flow.key.leadid", "HFC123"),
        ("variable_flow.key.empid", "IIFL123"),
        ("variable_flow.key.isTTSUsed", "true"),
        ("variable_flow.json_keys", "isTTSUsed"),
    ],
    ..ONE_LEG
};

const AGENT: Made<'_> = Made {
    uuid: "f7d646de-44af-4037-8722-2346fb11de86",
    inbound: false,
    caller: "919879072567",
    destination: "919822003887",
    created: "2022-01-17T18:07:31.153+05:30",
    answered: "2022-01-17T18:07:40.142+05:30",
    ended: "2022-01-17T18:07:44.812+05:30",
    disposition: "recv_bye",
    headers: &[("variable_originator", CUSTOMER.uuid)],
};

/// The sample of one leg.
fn one_leg_sample() -> Value {
    json!({"callDetails":[{"calleeNumber":"919879072567","connectTime":"2022-01-17T18:07:28.889+05:30","didNumber":"912243690284",
      "duration":"15962","endTime":"2022-01-17T18:07:44.851+05:30","hangupCause":"16","incoming":true,
      "startTime":"2022-01-17T18:07:21.952+05:30"}],
     "keys":[{"name":"$flow.key.leadid","value":"HFC123"}],
     "phonon-uuid":"9d34878d-01a0-45ba-b5d6-6b097ae17611",
     "recordingUrls":[{"recordedFileName":"a.wav","recordedFilePublicPath":"https://rec.example/a.wav"}]})
}

/// The sample of customer and agent in the product's documentation, with its missing quote added.
fn two_legs_sample() -> Value {
    json!({
    "callDetails" : [
    {
    "calleeNumber" : "919879072567",
    "calleeType" : "VISITOR",
    "cdrId" : "f1ca3a63-7eb7-4a8d-b50c-fbbdd3807034##pbx-9",
    "connectTime" : "2022-01-17T18:07:28.889+05:30",
    "didNumber" : "912243690284",
    "duration" : "15962",
    "endTime" : "2022-01-17T18:07:44.851+05:30",
    "hangupCause" : "16",
    "incoming" : false,
    "remoteHangup" : false,
    "startTime" : "2022-01-17T18:07:21.952+05:30" },
    {
    "calleeNumber" : "919822003887",
    "calleeType" : "AGENT",
    "cdrId" : "f7d646de-44af-4037-8722-2346fb11de86##pbx-9",
    "connectTime" : "2022-01-17T18:07:40.142+05:30",
     "didNumber" : "912243690284",
    "duration" : "4670",
    "endTime" : "2022-01-17T18:07:44.812+05:30",
    "hangupCause" : "16",
    "remoteHangup" : true,
    "startTime" : "2022-01-17T18:07:31.153+05:30"  } ],
    "keys" : [ {
    "name" : "$flow.key.customernum",
    "value" : "919822003887"
    }, {
    "name" : "$flow.key.leadid",
    "value" : "HFC123"
    }, {
    "name" : "$flow.key.empid",
    "value" : "IIFL123"
    }, {
    "name" : "$flow.key.isTTSUsed",
    "value" : true
    } ],
    "phonon-uuid" : "9d34878d-01a0-45ba-b5d6-6b097ae17611"  })
}

fn one_leg() -> Vec<Event> {
    let path = "/var/lib/freeswitch/recordings/a.wav";
    vec![
        ONE_LEG.create(),
        ONE_LEG.answer(),
        ONE_LEG.record("RECORD_START", path),
        ONE_LEG.hangup(),
        ONE_LEG.record("RECORD_STOP", path),
        ONE_LEG.complete(),
    ]
}

fn two_legs() -> Vec<Event> {
    vec![
        CUSTOMER.create(),
        CUSTOMER.answer(),
        AGENT.create(),
        AGENT.answer(),
        CUSTOMER.hangup(),
        AGENT.hangup(),
        AGENT.complete(),
        CUSTOMER.complete(),
    ]
}

#[test]
fn the_sample_of_one_leg_comes_out_field_for_field() {
    assert_eq!(documents(&calls(&one_leg())), [one_leg_sample()]);
}

/// The sample's `phonon-uuid` is in neither `cdrId`: the first leg had it at its creation.
#[test]
fn the_sample_of_two_legs_comes_out_field_for_field() {
    let created_as = Made {
        uuid: ONE_LEG.uuid,
        ..CUSTOMER
    };
    let renamed = CUSTOMER.event("CHANNEL_UUID");
    let mut events = two_legs();
    events[0] = created_as.create();
    events.insert(1, renamed.with("Old-Unique-ID", created_as.uuid));
    assert_eq!(documents(&calls(&events)), [two_legs_sample()]);
}

#[test]
fn a_leg_that_keeps_its_unique_id_gives_it_to_the_document() {
    let mut sample = two_legs_sample();
    sample["phonon-uuid"] = json!(CUSTOMER.uuid);
    assert_eq!(documents(&calls(&two_legs())), [sample]);
}

#[test]
fn the_text_has_its_keys_in_the_order_of_the_samples() {
    let text = documents(&calls(&two_legs()))[0].to_string();
    let start = r#"{"callDetails":[{"calleeNumber":"919879072567","calleeType":"VISITOR","cdrId":"#;
    assert!(text.starts_with(start), "{text}");
    let order = ["\"keys\":", "\"phonon-uuid\":"].map(|key| text.find(key).unwrap());
    assert!(order.is_sorted());
}

#[test]
fn seconds_another_name_for_the_uuid_and_connected_legs_are_settings() {
    let custom = DocumentFormat {
        duration_unit: DurationUnit::Seconds,
        uuid_key: "call_id".into(),
        legs: LegFilter::Connected,
        ..format()
    };
    let unanswered = Made {
        uuid: "unanswered",
        answered: "",
        ..AGENT
    };
    let mut events = two_legs();
    events.insert(4, unanswered.create());
    events.insert(5, unanswered.complete());
    let calls = calls(&events);
    let document = document(&calls[0], &custom, &|_| None);
    assert_eq!(document["call_id"], CUSTOMER.uuid);
    assert_eq!(document.get("phonon-uuid"), None);
    let entries = document["callDetails"].as_array().unwrap();
    let durations: Vec<&Value> = entries.iter().map(|entry| &entry["duration"]).collect();
    assert_eq!(durations, ["15", "4"]);
    assert_eq!(
        documents(&calls)[0]["callDetails"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn the_raw_response_is_shown_only_when_it_is_asked_for() {
    let raw = [
        ("variable_flow.key.response_raw", "%{\"a\":1}"),
        ("variable_flow.key.response_raw_b64", "JHsiYSI6MX0="),
        ("variable_flow.key.leadid", "HFC123"),
    ];
    let leg = Made {
        headers: &raw,
        ..ONE_LEG
    };
    let calls = calls(&[leg.create(), leg.complete()]);
    let names = |keys_raw| {
        let format = DocumentFormat {
            keys_raw,
            ..format()
        };
        document(&calls[0], &format, &|_| None)["keys"].clone()
    };
    let lead = json!({"name": "$flow.key.leadid", "value": "HFC123"});
    let response = json!({"name": "$flow.key.response_raw", "value": "${\"a\":1}"});
    assert_eq!(names(false), json!([lead]));
    assert_eq!(names(true), json!([response, lead]));
}
