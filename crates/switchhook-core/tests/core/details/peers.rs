//! Several instances that follow one switch and share a store: whatever each of them misses, a leg
//! is in one document, and a document that does not say that it lacks something lacks nothing.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::details::events::{Event, names, of_capture};
use crate::details::gaps::by_call;
use crate::details::ledgers::{calls, documents};
use crate::details::ways::WAYS;
use serde_json::Value;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};
use switchhook_core::leg::Leg;

const INSTANCES: usize = 3;
/// Of each hundred events an instance misses about so many.
const LOST_OF_100: u64 = 5;
/// Times that each capture is played.
const SEEDS: u64 = 30;
const SECOND_US: i64 = 1_000_000;

/// A channel: its Unique-ID and creation.
type Channel = (String, Option<i64>);

/// What the instances share.
#[derive(Default)]
struct Shared {
    legs: BTreeMap<String, Leg>,
    finished: Vec<Channel>,
    calls: Vec<FinishedCall>,
}

impl Shared {
    /// Does what an instance decided, as the store does it in one transaction.
    fn take(&mut self, ledger: &Ledger, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Store(uuid) => {
                    let leg = ledger.leg(&uuid).unwrap().clone();
                    let channel = (uuid.clone(), leg.created_us);
                    let known = self.legs.get(&uuid);
                    let is_newer = known.is_none_or(|known| known.sequence <= leg.sequence);
                    if is_newer && !self.finished.contains(&channel) {
                        self.legs.insert(uuid, leg);
                    }
                }
                Effect::Forget(uuid) => drop(self.legs.remove(&uuid)),
                Effect::Over(call) => self.finish(*call),
                Effect::Tell(_) => {}
            }
        }
    }

    fn finish(&mut self, call: FinishedCall) {
        for leg in &call.legs {
            self.legs.remove(&leg.uuid);
        }
        let taken: HashSet<Channel> = self.finished.iter().cloned().collect();
        let is_taken = |uuid: &str, created_us| taken.contains(&(uuid.to_owned(), created_us));
        let Some(rest) = call.without(&is_taken) else {
            return;
        };
        let channels = rest.channels();
        let channels = channels.map(|(uuid, created_us)| (uuid.to_owned(), created_us));
        self.finished.extend(channels);
        self.calls.push(rest);
    }
}

struct Instance {
    ledger: Ledger,
    /// How many of the finished channels it has read.
    position: usize,
}

impl Instance {
    fn new() -> Self {
        let ledger = Ledger::new(LedgerOptions::default());
        Self {
            ledger,
            position: 0,
        }
    }

    /// Does what is done once a second.
    fn tick(&mut self, shared: &mut Shared, now_us: i64) {
        self.ledger
            .finished_by_peer(&shared.finished[self.position..], now_us);
        self.position = shared.finished.len();
        if self.ledger.has_overdue_calls(now_us) {
            let legs = shared.legs.values().cloned();
            let merged = self.ledger.merge_from_peers(legs, now_us, now_us);
            shared.take(&self.ledger, merged);
        }
        let over = self.ledger.expire(now_us);
        shared.take(&self.ledger, over);
    }
}

fn is_lost(seed: u64, instance: usize, event: usize) -> bool {
    let mut hasher = DefaultHasher::new();
    (seed, instance, event).hash(&mut hasher);
    hasher.finish() % 100 < LOST_OF_100
}

fn at(event: &Event) -> i64 {
    event.text("Event-Date-Timestamp").parse().unwrap()
}

/// Returns the calls that the instances finish together, and how many events were lost.
fn play(events: &[Event], seed: u64) -> (Vec<FinishedCall>, usize) {
    let mut instances: Vec<Instance> = (0..INSTANCES).map(|_| Instance::new()).collect();
    let mut shared = Shared::default();
    let mut lost = 0;
    let mut now = at(&events[0]);
    for (number, event) in events.iter().enumerate() {
        let is_next_second = at(event) / SECOND_US > now / SECOND_US;
        now = now.max(at(event));
        for (name, instance) in instances.iter_mut().enumerate() {
            if is_next_second {
                instance.tick(&mut shared, now);
            }
            // What nothing that comes later repeats: a conference's own event, and a recording of
            // which both ends were missed.
            let only_here = ["CUSTOM", "RECORD_STOP"].contains(&event.text("Event-Name"));
            if !only_here && is_lost(seed, name, number) {
                lost += 1;
                continue;
            }
            let effects = instance.ledger.apply(event, now);
            shared.take(&instance.ledger, effects);
        }
    }
    // Channels that a switch no longer has: it says so when it is asked.
    for instance in &mut instances {
        let gone = instance.ledger.mark_lost("fs1", &|_| false, now, now);
        shared.take(&instance.ledger, gone);
    }
    let end = now + LedgerOptions::default().patience_us + 10 * SECOND_US;
    while now < end {
        now += SECOND_US;
        for instance in &mut instances {
            instance.tick(&mut shared, now);
        }
    }
    for instance in &instances {
        assert_eq!(instance.ledger.legs(), 0, "seed {seed}");
    }
    (shared.calls, lost)
}

/// Fails if a leg is in two calls, or if a call claims to be whole and is not. Returns how many
/// claim it.
fn judge(name: &str, events: &[Event], seed: u64, played: &[FinishedCall]) -> usize {
    let legs: Vec<&str> = played
        .iter()
        .flat_map(|call| &call.legs)
        .map(|leg| leg.uuid.as_str())
        .collect();
    let distinct: BTreeSet<&str> = legs.iter().copied().collect();
    assert_eq!(
        legs.len(),
        distinct.len(),
        "{name}, seed {seed}: a leg is in two calls"
    );
    let mut whole = 0;
    let mut expected = by_call(documents(&calls(events)));
    for (id, document) in by_call(documents(played)) {
        if document.get("incomplete").is_none() {
            let expected = expected.remove(&id).map(without_ends_of_talks);
            let document = without_ends_of_talks(document);
            assert_eq!(Some(document), expected, "{name}, seed {seed}");
            whole += 1;
        }
    }
    whole
}

/// If the end of a talk was missed, it ended with one of the legs: up to a tick later.
fn without_ends_of_talks(mut document: Value) -> Value {
    let entries = document["callDetails"].as_array_mut().unwrap();
    for entry in entries.iter_mut().filter(|entry| entry["tookPart"] == true) {
        for name in ["endTime", "duration"] {
            entry.as_object_mut().unwrap().remove(name);
        }
    }
    document
}

#[test]
fn whatever_instances_miss_a_leg_is_in_one_document() {
    let known = names().into_iter().map(|name| ("json_events", name));
    let ways = WAYS.iter().map(|(name, _)| ("ways", (*name).to_owned()));
    let (mut lost, mut whole) = (0, 0);
    for (folder, name) in known.chain(ways) {
        let events = of_capture(folder, &name);
        for seed in 0..SEEDS {
            let (played, missed) = play(&events, seed);
            whole += judge(&name, &events, seed, &played);
            lost += missed;
        }
    }
    assert!(lost > 4_000, "{lost}");
    assert!(whole > 1_000, "{whole}: it must not be a habit to say no");
}
