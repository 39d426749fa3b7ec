//! Checks documents against a capture, without the code under test, and against the golden files.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::events::Event;

/// Compares the documents with `tests/golden/FOLDER/NAME.json`, to the byte. With `BLESS_GOLDEN=1`
/// in the environment it writes that file instead: read the file before you commit it.
pub fn is_golden(folder: &str, name: &str, documents: &[Value]) {
    let path = format!("tests/golden/{folder}/{name}.json");
    let path = crate::root().join(path);
    let text = serde_json::to_string_pretty(documents).unwrap() + "\n";
    if std::env::var_os("BLESS_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, text, "{}", path.display());
}

/// Returns each channel's first and last event by Unique-ID, without loopback channels.
fn ends(events: &[Event]) -> BTreeMap<&str, (&Event, &Event)> {
    let real = |event: &&Event| !event.text("Channel-Name").starts_with("loopback/");
    let named = |name: &'static str| {
        let events = events.iter().filter(real);
        events.filter(move |event| event.text("Event-Name") == name)
    };
    let firsts: BTreeMap<_, _> = named("CHANNEL_CREATE")
        .map(|event| (event.text("Unique-ID"), event))
        .collect();
    named("CHANNEL_HANGUP_COMPLETE")
        .map(|last| {
            let uuid = last.text("Unique-ID");
            (uuid, (firsts[uuid], last))
        })
        .collect()
}

/// Returns the Unique-ID of an entry's leg.
pub fn uuid_of<'a>(document: &'a Value, entry: &'a Value) -> &'a str {
    let id = entry["cdrId"]
        .as_str()
        .map(|id| id.split("##").next().unwrap());
    id.unwrap_or_else(|| document["phonon-uuid"].as_str().unwrap())
}

/// Checks that every leg of the events is in one of the documents, with its values.
pub fn holds_the_facts(events: &[Event], documents: &[Value]) {
    let mut ends = ends(events);
    for document in documents {
        assert_eq!(document.get("missing"), None);
        let entries = document["callDetails"].as_array().unwrap();
        for entry in entries {
            let uuid = uuid_of(document, entry);
            let Some((first, last)) = ends.remove(uuid) else {
                panic!("{uuid} twice, or never seen");
            };
            holds_the_facts_of_the_leg(entry, first, last, entries.len() > 1);
        }
    }
    assert!(ends.is_empty(), "no leg is left out: {:?}", ends.keys());
}

fn holds_the_facts_of_the_leg(entry: &Value, first: &Event, last: &Event, several: bool) {
    let inbound = first.text("Call-Direction") == "inbound";
    let (caller, destination) = ("Caller-Caller-ID-Number", "Caller-Destination-Number");
    let far = if inbound { caller } else { destination };
    assert_eq!(entry["calleeNumber"], first.text(far));
    assert_eq!(
        entry["hangupCause"],
        last.text("variable_hangup_cause_q850")
    );
    let talk: i64 = entry["duration"].as_str().unwrap().parse().unwrap();
    let billed: i64 = last.text("variable_billmsec").parse().unwrap();
    assert!((talk - billed).abs() <= 20, "{talk} and {billed} ms");
    let answered = last.text("Caller-Channel-Answered-Time") != "0";
    assert_eq!(entry.get("connectTime").is_some(), answered);
    if several {
        let remote = match last.text("variable_sip_hangup_disposition") {
            "" => None,
            text => Some(json!(text.starts_with("recv_"))),
        };
        assert_eq!(entry.get("remoteHangup"), remote.as_ref());
    }
}
