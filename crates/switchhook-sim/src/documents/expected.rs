//! Derives the document that a call must produce from the switch's own record of the call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, FixedOffset, Offset as _, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::RECORDINGS;
use crate::names::{SWITCH, ZONE_OFFSET_S};
use crate::scenarios::{Is, Scenario};
use crate::switch::{CallRecord, Left, LegRecord};

/// The offset of Asia/Kolkata, which is the same all year, in seconds.
const KOLKATA_OFFSET_S: i32 = 19_800;
const KEY: &str = "flow.key.";

/// Returns the expected document. Its keys are sorted by name, because the contract leaves their
/// order open.
pub(super) fn document(scenario: &Scenario, record: &CallRecord) -> Value {
    let legs = &record.legs;
    let called = legs.first().map_or("", called);
    let zone = match scenario.routed {
        Some(_) => ZONE_OFFSET_S,
        None => KOLKATA_OFFSET_S,
    };
    let zone = FixedOffset::east_opt(zone).unwrap_or_else(|| Utc.fix());
    let details: Vec<Value> = legs
        .iter()
        .enumerate()
        .map(|(at, leg)| entry(leg, at == 0, legs.len() > 1, called, zone))
        .collect();
    let mut document = json!({
        "callDetails": details,
        "keys": keys(scenario, record),
        "phonon-uuid": record.uuid,
    });
    let recordings = legs.iter().filter_map(|leg| leg.recording.as_ref());
    let urls: Vec<Value> = recordings.map(|(path, _)| recording(path)).collect();
    if !urls.is_empty() {
        document["recordingUrls"] = urls.into();
    }
    document
}

/// Returns our own number of the call's first leg.
fn called(first: &LegRecord) -> &str {
    if first.outbound {
        &first.caller
    } else {
        &first.destination
    }
}

fn recording(path: &str) -> Value {
    let name = path.rsplit('/').next().unwrap_or_default();
    json!({ "recordedFileName": name, "recordedFilePublicPath": format!("{RECORDINGS}{name}") })
}

fn entry(leg: &LegRecord, first: bool, several: bool, called: &str, zone: FixedOffset) -> Value {
    let callee = if leg.outbound {
        &leg.destination
    } else {
        &leg.caller
    };
    if let Some((from, until)) = leg.talk_us {
        let talked = (until / 1000).saturating_sub(from / 1000);
        return json!({
            "calleeNumber": callee,
            "calleeType": "AGENT",
            "cdrId": format!("{}##{SWITCH}", leg.uuid),
            "connectTime": time(from, zone),
            "didNumber": called,
            "duration": talked.to_string(),
            "endTime": time(until, zone),
            "startTime": time(from, zone),
            "tookPart": true,
        });
    }
    let mut entry = json!({
        "calleeNumber": callee,
        "didNumber": called,
        "startTime": time(leg.created_us, zone),
        "endTime": time(leg.ended_us, zone),
        "duration": "0",
        "hangupCause": leg.q850.to_string(),
    });
    if leg.answered_us > 0 {
        let talked = (leg.ended_us / 1000).saturating_sub(leg.answered_us / 1000);
        entry["connectTime"] = time(leg.answered_us, zone);
        entry["duration"] = talked.to_string().into();
    }
    if first {
        entry["incoming"] = (!leg.outbound).into();
    }
    if several {
        entry["calleeType"] = if first { "VISITOR" } else { "AGENT" }.into();
        entry["cdrId"] = format!("{}##{SWITCH}", leg.uuid).into();
        entry["remoteHangup"] = leg.by_far_end.into();
    }
    entry
}

fn time(us: u64, zone: FixedOffset) -> Value {
    let utc = DateTime::from_timestamp_micros(i64::try_from(us).unwrap_or_default());
    let text = utc.map(|utc| {
        utc.with_timezone(&zone)
            .to_rfc3339_opts(SecondsFormat::Millis, false)
    });
    text.into()
}

/// Returns every `flow.key.` variable that the dialplan saw at the end, except the raw response
/// and variables that only accompany another name.
fn keys(scenario: &Scenario, record: &CallRecord) -> Vec<Value> {
    let Some(first) = record.legs.first() else {
        return Vec::new();
    };
    // The hook preset a failure that never was.
    let is_over_on_hold = matches!(scenario.left, Left::HungUp | Left::Vanished);
    let mut keys = Map::new();
    for (variable, text) in &first.variables {
        let Some(name) = variable.strip_prefix(KEY) else {
            continue;
        };
        let base = name.strip_suffix("_b64");
        let beside = base.is_some_and(|base| first.variables.contains_key(&format!("{KEY}{base}")));
        if !beside && name != "response_raw" && !(is_over_on_hold && is_outcome(name)) {
            keys.insert(name.to_owned(), value(scenario, first, variable, text));
        }
    }
    let entry = |(name, value)| json!({ "name": format!("$flow.key.{name}"), "value": value });
    keys.into_iter().map(entry).collect()
}

/// Tells whether the hook or the service writes this variable, to say how the webhook answered.
fn is_outcome(name: &str) -> bool {
    name.starts_with("response_") || name.starts_with("error_")
}

/// Returns the text that came over HTTP as a JSON value of its type in the response.
fn value(scenario: &Scenario, leg: &LegRecord, variable: &str, text: &str) -> Value {
    let name = variable.trim_start_matches(KEY);
    let typed = scenario.typed.iter().find(|(typed, _)| *typed == name);
    if let Some((_, value)) = typed.filter(|_| scenario.line == Some(0)) {
        return value.clone();
    }
    let wanted = scenario
        .variables
        .iter()
        .find(|(wanted, _)| wanted == variable);
    match wanted {
        Some((_, Is::Exactly(exact) | Is::Text(exact))) => exact.as_str().into(),
        _ => {
            let exact = leg.variables.get(&format!("{variable}_b64"));
            let bytes = exact.and_then(|exact| STANDARD.decode(exact).ok());
            let exact = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            exact.unwrap_or_else(|| text.to_owned()).into()
        }
    }
}
