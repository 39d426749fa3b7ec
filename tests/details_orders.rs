//! Whatever order the events of different channels come in, and however often, the
//! documents are the same; nothing that a switch could send makes the ledger panic or grow.

#[path = "support/events.rs"]
mod events;
#[path = "support/ledgers.rs"]
mod ledgers;

use std::collections::BTreeMap;

use events::{Event, captures, of_capture};
use ledgers::{calls, documents, over};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use switchhook::call::ledger::{Ledger, Options};

/// Every capture of port 8021, read once.
fn recorded() -> &'static [(String, Vec<Event>)] {
    static CAPTURES: std::sync::OnceLock<Vec<(String, Vec<Event>)>> = std::sync::OnceLock::new();
    CAPTURES.get_or_init(|| {
        let files = std::fs::read_dir(captures().join("json_events")).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter_map(|file| Some(file.strip_suffix(".esl")?.to_owned()))
            .collect();
        names.sort();
        let read = |name: String| {
            let events = of_capture("json_events", &name);
            (name, events.iter().map(slim).collect())
        };
        names.into_iter().map(read).collect()
    })
}

/// The event without what nobody reads: thousands of runs are to be quick.
fn slim(event: &Event) -> Event {
    let noise = [
        "rtp_", "sip_full", "sip_via", "switch_r", "switch_m", "Codec", "IPv",
    ];
    let read = |name: &str| !noise.iter().any(|noise| name.contains(noise));
    let headers = event.0.iter().filter(|(name, _)| read(name));
    Event(headers.cloned().collect())
}

/// The documents by the call's UUID.
fn by_call(documents: Vec<Value>) -> BTreeMap<String, Value> {
    let id = |document: &Value| document["phonon-uuid"].as_str().unwrap().to_owned();
    documents.into_iter().map(|one| (id(&one), one)).collect()
}

fn as_captured(events: &[Event]) -> BTreeMap<String, Value> {
    by_call(documents(&calls(events)))
}

/// The events in another order that keeps each channel's own, and some of them again later.
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

/// The events as they came, but for some that come later than others of other channels: each
/// may overtake as far as no leg's end comes before the creation of another that it knew.
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

/// The agents of these queues are known to their call by their own events alone, and the legs of
/// an attended transfer know each other only by a third: they may not come after its end.
fn names_every_leg(name: &str) -> bool {
    ![
        "queue",
        "attended",
        "originate-fails-before",
        "pickup",
        "loopback",
        "intercept",
    ]
    .iter()
    .any(|kind| name.contains(kind))
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
        let (name, events) = capture.get(recorded());
        prop_assume!(events.len() > 1);
        let delayed = delayed(events, &picks, &again);
        prop_assert_eq!(as_captured(&delayed), as_captured(events), "{}", name);
    }
}
