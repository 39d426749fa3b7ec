//! A lookup that ends in the middle of a call is told, also if the call control is ahead of the events.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that lacks its input fails the test"
)]

use std::sync::Arc;

use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};
use switchhook_core::leg::LiveLookup;
use switchhook_core::live_events::{EventChoices, EventKind, last};

use crate::details::made::Made;

const NOW: i64 = 1_795_435_200_000_000;

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(LedgerOptions::default());
    let flows = [("default", &EventKind::CHOICES[..])];
    ledger.tell_events(Arc::new(EventChoices::new(flows.into_iter())));
    ledger
}

fn lookup(at_us: i64) -> LiveLookup {
    LiveLookup {
        webhook: "crm".into(),
        line: Some(0),
        at_us,
        ..LiveLookup::default()
    }
}

fn kinds(effects: Vec<Effect>) -> Vec<EventKind> {
    let told = effects.into_iter().filter_map(|effect| match effect {
        Effect::Tell(of) => Some(of.events),
        Effect::Store(_) | Effect::Forget(_) | Effect::Over(_) => None,
    });
    told.flatten().map(|event| event.kind).collect()
}

/// Returns what is told of a call whose lookups ended before and after its first event.
fn told_of(ledger: &mut Ledger, uuid: &'static str) -> Vec<EventKind> {
    let leg = Made::inbound_call(uuid, &[]);
    let mut told = Vec::new();
    for event in [leg.create(), leg.answer()] {
        told.extend(kinds(ledger.apply(&event, NOW)));
    }
    told.extend(kinds(ledger.note_lookup(uuid, lookup(NOW + 2), NOW)));
    told.extend(kinds(ledger.apply(&leg.complete(), NOW)));
    told
}

#[test]
fn a_lookup_that_ends_before_its_leg_was_seen_is_told_with_the_leg() {
    let mut ledger = ledger();
    assert!(
        ledger
            .note_lookup("call-1", lookup(NOW + 1), NOW)
            .is_empty()
    );
    let lookups = |told: &[EventKind]| {
        told.iter()
            .filter(|kind| **kind == EventKind::Lookup)
            .count()
    };
    let told = told_of(&mut ledger, "call-1");
    assert_eq!(lookups(&told), 2, "{told:?}");
    assert_eq!(told.first(), Some(&EventKind::Started));
    assert_eq!(told.last(), Some(&EventKind::Ended));
    // Of a call that is over nothing waits.
    assert!(
        ledger
            .note_lookup("call-1", lookup(NOW + 3), NOW)
            .is_empty()
    );
    assert_eq!(lookups(&told_of(&mut ledger, "call-2")), 1);
}

#[test]
fn lookups_of_legs_that_never_come_are_forgotten() {
    let mut ledger = ledger();
    let lookups = |told: Vec<EventKind>| {
        told.iter()
            .filter(|kind| **kind == EventKind::Lookup)
            .count()
    };
    drop(ledger.note_lookup("call-1", lookup(NOW + 1), NOW));
    drop(ledger.expire(NOW + 61_000_000));
    assert_eq!(lookups(told_of(&mut ledger, "call-1")), 1, "it was too old");
    drop(ledger.note_lookup("call-2", lookup(NOW + 1), NOW));
    for other in 0..1_024 {
        drop(ledger.note_lookup(&format!("other-{other}"), lookup(NOW), NOW));
    }
    assert_eq!(
        lookups(told_of(&mut ledger, "call-2")),
        1,
        "others took its place"
    );
}

#[test]
fn of_a_call_that_ends_before_its_state_is_told_after_a_gap_only_the_end_is() {
    let mut ledger = ledger();
    let leg = Made::inbound_call("call-1", &[]);
    let mut told = kinds(ledger.apply(&leg.create(), NOW));
    drop(ledger.note_gap());
    told.extend(kinds(ledger.apply(&leg.answer(), NOW)));
    assert!(told.is_empty(), "its state comes first: {told:?}");
    let effects = ledger.apply(&leg.complete(), NOW);
    let over = effects.into_iter().find_map(|effect| match effect {
        Effect::Over(call) => Some(call),
        Effect::Store(_) | Effect::Forget(_) | Effect::Tell(_) => None,
    });
    let owed = last(&over.unwrap(), &EventKind::CHOICES.into());
    let owed: Vec<EventKind> = owed
        .iter()
        .flat_map(|of| &of.events)
        .map(|event| event.kind)
        .collect();
    assert_eq!(owed, [EventKind::Ended]);
}
