//! The documents are the same in whatever order, and however often, the events of different
//! channels come. No event that a switch can send makes the ledger panic or grow.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::details::events::{Event, captures, of_capture};
use crate::details::ledgers::{calls, documents, over};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};

/// Every capture of port 8021, read once.
fn recorded() -> &'static [(String, Vec<Event>)] {
    static CAPTURES: std::sync::OnceLock<Vec<(String, Vec<Event>)>> = std::sync::OnceLock::new();
    CAPTURES.get_or_init(|| {
        let read = |folder: &str| {
            let files = std::fs::read_dir(captures().join(folder)).unwrap();
            let mut names: Vec<String> = files
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .filter_map(|file| Some(file.strip_suffix(".esl")?.to_owned()))
                .collect();
            names.sort();
            let read = |name: String| {
                let events = of_capture(folder, &name);
                (name, events.iter().map(slim).collect())
            };
            names.into_iter().map(read).collect::<Vec<_>>()
        };
        [read("json_events"), read("ways")].concat()
    })
}

/// Returns the event without unused headers, so that thousands of runs are fast.
fn slim(event: &Event) -> Event {
    let noise = [
        "rtp_", "sip_full", "sip_via", "switch_r", "switch_m", "Codec", "IPv",
    ];
    let read = |name: &str| !noise.iter().any(|noise| name.contains(noise));
    let headers = event.0.iter().filter(|(name, _)| read(name));
    Event(headers.cloned().collect())
}

/// Returns the documents by the call's UUID.
fn by_call(documents: Vec<Value>) -> BTreeMap<String, Value> {
    let id = |document: &Value| document["phonon-uuid"].as_str().unwrap().to_owned();
    documents.into_iter().map(|one| (id(&one), one)).collect()
}

fn as_captured(events: &[Event]) -> BTreeMap<String, Value> {
    by_call(documents(&calls(events)))
}

/// Returns the events in another order that keeps each channel's own, with some repeated later.
fn shuffled(events: &[Event], picks: &[Index], again: &[(Index, Index)]) -> Vec<Event> {
    let mut channels: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().rev() {
        channels
            .entry(event.text("Unique-ID"))
            .or_default()
            .push(event);
    }
    let mut channels: Vec<Vec<&Event>> = channels.into_values().collect();
    let mut order = Vec::new();
    for turn in 0..events.len() {
        let pick = picks[turn % picks.len()].index(channels.len());
        order.extend(channels[pick].pop());
        channels.retain(|left| !left.is_empty());
    }
    with_repeats(order, again)
}

/// Returns the events with some delayed behind those of other channels. No leg's end moves before
/// the creation of another leg that it knew.
fn delayed(events: &[Event], picks: &[Index], again: &[(Index, Index)]) -> Vec<Event> {
    let mut order: Vec<&Event> = events.iter().collect();
    for (turn, pick) in picks.iter().enumerate() {
        let at = pick
            .index(order.len().saturating_sub(1).max(1))
            .min(order.len().saturating_sub(2));
        let [one, other] = [order[at], order[at + 1]];
        let same = one.text("Unique-ID") == other.text("Unique-ID");
        let creates = [one, other]
            .iter()
            .any(|event| event.text("Event-Name") == "CHANNEL_CREATE");
        if !same && !creates && turn < 400 {
            order.swap(at, at + 1);
        }
    }
    with_repeats(order, again)
}

fn with_repeats(order: Vec<&Event>, again: &[(Index, Index)]) -> Vec<Event> {
    let mut order: Vec<Event> = order.into_iter().cloned().collect();
    for (which, later) in again {
        let which = which.index(order.len());
        let event = order[which].clone();
        let at = which + 1 + later.index(order.len() - which);
        order.insert(at, event);
    }
    order
}

/// Whether a leg goes on after its talk, and who was in a conference as it was recorded, is in the
/// order of events of several channels, which the switch keeps.
fn needs_the_switchs_order(name: &str) -> bool {
    ["standing-agent", "goes-on", "conference"]
        .iter()
        .any(|part| name.contains(part))
}

/// An agent who is rung by a queue without answering is linked to the call by its own events
/// alone, so they must not come after the call's end.
fn names_every_leg(name: &str) -> bool {
    !name.contains("abandons") && !name.contains("misses") && !needs_the_switchs_order(name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_that_keeps_each_channels_own_gives_the_same_documents(
        capture in any::<Index>(),
        picks in proptest::collection::vec(any::<Index>(), 40),
        again in proptest::collection::vec(any::<(Index, Index)>(), 0..8),
    ) {
        let named: Vec<_> = recorded().iter().filter(|(name, _)| names_every_leg(name)).collect();
        let (name, events) = capture.get(&named);
        let shuffled = shuffled(events, &picks, &again);
        prop_assert_eq!(as_captured(&shuffled), as_captured(events), "{}", name);
    }

    #[test]
    fn events_that_overtake_each_other_give_the_same_documents(
        capture in any::<Index>(),
        picks in proptest::collection::vec(any::<Index>(), 1..400),
        again in proptest::collection::vec(any::<(Index, Index)>(), 0..8),
    ) {
        let named: Vec<_> =
            recorded().iter().filter(|(name, _)| !needs_the_switchs_order(name)).collect();
        let (name, events) = capture.get(&named);
        prop_assume!(events.len() > 1);
        let delayed = delayed(events, &picks, &again);
        prop_assert_eq!(as_captured(&delayed), as_captured(events), "{}", name);
    }

    #[test]
    fn a_restart_at_any_moment_gives_the_same_documents(
        capture in any::<Index>(),
        cut in any::<Index>(),
    ) {
        let (name, events) = capture.get(recorded());
        prop_assume!(!events.is_empty());
        let cut = cut.index(events.len());
        let mut store = BTreeMap::new();
        let mut done = Vec::new();
        let mut finished = Vec::new();
        for events in [&events[..cut], &events[cut..]] {
            let mut ledger = restarted(&store, &finished);
            for event in events {
                let effects = ledger.apply(event, 0);
                keep(&ledger, effects, &mut store, &mut done, &mut finished);
            }
        }
        prop_assert!(store.is_empty(), "nothing stays in the store");
        prop_assert_eq!(by_call(documents(&done)), as_captured(events), "{} at {}", name, cut);
    }

    #[test]
    fn no_events_make_it_panic_and_what_is_over_is_forgotten(events in soup()) {
        let options = LedgerOptions { remembered: 4, ..LedgerOptions::default() };
        let mut ledger = Ledger::new(options.clone());
        let mut calls = Vec::new();
        for event in &events {
            calls.extend(over(ledger.apply(event, 0)));
        }
        over(ledger.mark_lost("fs1", &|_| false, 1, 1));
        calls.extend(over(ledger.expire(options.patience_us + 1)));
        documents(&calls);
        prop_assert_eq!((ledger.legs(), ledger.calls()), (0, 0));
        prop_assert!(ledger.tracked_uuids() <= 4);
    }
}

/// Returns a ledger restored from what was stored, as text, before the service stopped.
fn restarted(store: &BTreeMap<String, String>, finished: &[(String, Option<i64>)]) -> Ledger {
    let mut ledger = Ledger::new(LedgerOptions::default());
    for (uuid, created_us) in finished {
        ledger.remember(uuid, *created_us);
    }
    let legs = store.values().map(|leg| serde_json::from_str(leg).unwrap());
    assert!(
        ledger.restore(legs, 0).is_empty(),
        "what is over was taken out"
    );
    ledger
}

/// Carries out the effects.
fn keep(
    ledger: &Ledger,
    effects: Vec<Effect>,
    store: &mut BTreeMap<String, String>,
    done: &mut Vec<FinishedCall>,
    finished: &mut Vec<(String, Option<i64>)>,
) {
    for effect in effects {
        match effect {
            Effect::Store(uuid) => {
                let leg = serde_json::to_string(ledger.leg(&uuid).unwrap()).unwrap();
                store.insert(uuid, leg);
            }
            Effect::Tell(_) => {}
            Effect::Forget(uuid) => {
                store.remove(&uuid);
            }
            Effect::Over(call) => {
                for leg in &call.legs {
                    store.remove(&leg.uuid);
                }
                let channels = call.channels();
                finished.extend(channels.map(|(uuid, us)| (uuid.to_owned(), us)));
                done.push(*call);
            }
        }
    }
}

/// Events of a few channels that name each other in every way, in random order.
fn soup() -> impl Strategy<Value = Vec<Event>> {
    let names = [
        "CHANNEL_CREATE",
        "CHANNEL_ANSWER",
        "CHANNEL_BRIDGE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
        "CHANNEL_UUID",
        "RECORD_START",
        "RECORD_STOP",
        "JSON_CDR",
        "CUSTOM",
        "",
    ];
    let headers = [
        "Old-Unique-ID",
        "Other-Leg-Unique-ID",
        "Bridge-B-Unique-ID",
        "variable_originator",
        "variable_originated_legs",
        "variable_other_loopback_leg_uuid",
        "variable_refer_uuid",
        "Record-File-Path",
        "Channel-Name",
        "Call-Direction",
        "Event-Sequence",
        "Core-UUID",
        "Caller-Channel-Answered-Time",
        "Caller-Channel-Hangup-Time",
        "variable_hangup_cause_q850",
        "variable_sip_hangup_disposition",
        "variable_flow.callee_type",
        "variable_flow.key.a",
        "variable_flow.key.a_b64",
        "variable_flow.json_keys",
    ];
    let values = [
        "a",
        "b",
        "c",
        "d",
        "",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "18446744073709551616",
        "inbound",
        "outbound",
        "loopback/x-a",
        "loopback/x-b",
        "ARRAY::a;x|:b",
        "[\"a\",\"c;d\"]",
        "att:a",
        "recv_bye",
        "AGENT",
    ];
    let channel = proptest::sample::select(&["a", "b", "c", "d", ""][..]);
    let created = proptest::sample::select(&["", "0", "1", "5000", "-7"][..]);
    let name = proptest::sample::select(names.to_vec());
    let pair = (
        proptest::sample::select(headers.to_vec()),
        proptest::sample::select(values.to_vec()),
    );
    let further = proptest::collection::vec(pair, 0..6);
    let event = (name, channel, created, further).prop_map(|(name, uuid, created, further)| {
        let mut event = Event::of(&[
            ("FreeSWITCH-Switchname", "fs1"),
            ("Event-Name", name),
            ("Unique-ID", uuid),
            ("Caller-Channel-Created-Time", created),
        ]);
        for (header, value) in further {
            event = event.with(header, value);
        }
        event
    });
    proptest::collection::vec(event, 0..40)
}
