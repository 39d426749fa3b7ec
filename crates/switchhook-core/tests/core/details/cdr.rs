//! CDR files of mod_json_cdr as the only source of a call, and beside its events.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::details::events::{Event, captures, of_capture};
use crate::details::ledgers::{calls, documents, over};
use serde_json::{Value, json};
use switchhook_core::cdr::{Cdr, CdrError};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::headers::Headers;
use switchhook_core::ledger::{Ledger, LedgerOptions};

/// Returns the CDRs of every captured call, by capture.
fn files() -> BTreeMap<String, Vec<Cdr>> {
    let mut captured: BTreeMap<String, Vec<Cdr>> = BTreeMap::new();
    for file in std::fs::read_dir(captures().join("json_cdr")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let (capture, _uuid) = name.split_once('.').unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let cdr = Cdr::parse(&bytes).unwrap();
        captured.entry(capture.to_owned()).or_default().push(cdr);
    }
    captured
}

/// Returns the events of the same run: the first captures' CDRs belong to the plain ones.
fn events_of(capture: &str) -> Vec<Event> {
    let plain = captures().join(format!("{capture}.esl"));
    of_capture(if plain.exists() { "" } else { "json_events" }, capture)
}

fn by_call(documents: Vec<Value>) -> BTreeMap<String, Value> {
    let id = |one: &Value| one["phonon-uuid"].as_str().unwrap().to_owned();
    documents.into_iter().map(|one| (id(&one), one)).collect()
}

/// Returns the calls of CDRs that are read together.
fn repaired(cdrs: &[Cdr]) -> Vec<FinishedCall> {
    let mut ledger = Ledger::new(LedgerOptions {
        has_cdrs: true,
        ..LedgerOptions::default()
    });
    let all: Vec<&dyn Headers> = cdrs.iter().map(|cdr| cdr as &dyn Headers).collect();
    assert_eq!(
        over(ledger.apply_all(&all, 0)),
        [],
        "the events may still come"
    );
    let calls = over(ledger.expire(LedgerOptions::default().cdr_patience_us));
    assert_eq!(ledger.legs(), 0);
    calls
}

/// Recorded with `uuid_record`, and several times with different ends: the CDR shows that there
/// was a recording, but not its path.
const UNTOLD: [&str; 2] = [
    "inbound-recorded-on-agent-leg-from-the-middle",
    "inbound-recordings-discarded",
];

fn without_recordings(document: &mut Value) {
    let object = document.as_object_mut().unwrap();
    if object.remove("recordingUrls").is_some() {
        object.insert("incomplete".into(), json!(true));
        object.insert("missing".into(), json!(["recordingUrls"]));
    }
}

#[test]
fn cdrs_alone_give_the_document_of_the_events_in_any_order() {
    for (capture, mut cdrs) in files() {
        let mut expected = by_call(documents(&calls(&events_of(&capture))));
        if UNTOLD.contains(&capture.as_str()) {
            expected.values_mut().for_each(without_recordings);
        }
        assert_eq!(by_call(documents(&repaired(&cdrs))), expected, "{capture}");
        cdrs.reverse();
        assert_eq!(by_call(documents(&repaired(&cdrs))), expected, "{capture}");
    }
}

#[test]
fn a_cdr_beside_the_events_changes_nothing() {
    for (capture, cdrs) in files() {
        let events = events_of(&capture);
        let expected = by_call(documents(&calls(&events)));
        let mut ledger = Ledger::new(LedgerOptions::default());
        let mut found = Vec::new();
        for event in &events {
            found.extend(over(ledger.apply(event, 0)));
            let uuid = event.text("Unique-ID");
            let ended = event.text("Event-Name") == "CHANNEL_HANGUP_COMPLETE";
            let of_leg = |cdr: &&Cdr| cdr.get("Unique-ID").as_deref() == Some(uuid);
            for cdr in cdrs.iter().filter(of_leg).filter(|_| ended) {
                found.extend(over(ledger.apply(cdr, 0)));
            }
        }
        assert_eq!(by_call(documents(&found)), expected, "{capture}");
        assert_eq!(ledger.legs(), 0);
    }
}

#[test]
fn legs_lost_in_a_gap_come_from_their_cdrs() {
    let capture = "inbound-attended-transfer-refer-replaces";
    let events = events_of(capture);
    let expected = documents(&calls(&events));
    let half = events.len() / 2;
    let mut ledger = Ledger::new(LedgerOptions::default());
    let mut found = Vec::new();
    for event in &events[..half] {
        found.extend(over(ledger.apply(event, 0)));
    }
    ledger.mark_lost("fs1", &|_| false, 1, 1);
    let cdrs = files().remove(capture).unwrap();
    let cdrs: Vec<&dyn Headers> = cdrs.iter().map(|cdr| cdr as &dyn Headers).collect();
    assert_eq!(over(ledger.apply_all(&cdrs, 2)), []);
    found.extend(over(
        ledger.expire(2 + LedgerOptions::default().cdr_patience_us),
    ));
    assert_eq!(documents(&found), expected);
}

#[test]
fn values_that_the_switch_encoded_are_decoded() {
    let value = |stamp: &str| {
        let variables = json!({"uuid": "a", "flow.key.x": "100%25%20off", "start_stamp": stamp});
        let file = json!({"variables": variables}).to_string();
        let cdr = Cdr::parse(file.as_bytes()).unwrap();
        cdr.variable("flow.key.x").unwrap().into_owned()
    };
    assert_eq!(value("2026-11-23%2019%3A24%3A35"), "100% off");
    assert_eq!(value("2026-11-23 19:24:35"), "100%25%20off");
}

#[test]
fn a_file_that_is_no_cdr_is_refused() {
    for file in [&b"{"[..], b"[]", b"{}", b"{\"variables\":[]}"] {
        assert!(matches!(Cdr::parse(file), Err(CdrError::Shape(_))));
    }
    let nobody = Cdr::parse(b"{\"variables\":{}}");
    assert!(matches!(nobody, Err(CdrError::NoUuid)));
}
