//! Tells what happens in calls while they live.

use std::sync::Arc;

use switchhook_core::call_history::LookupRecord;
use switchhook_core::clock::now_us;
use switchhook_core::leg::LiveLookup;
use switchhook_core::live_events::{EventChoices, LiveEvents};
use switchhook_core::outcome::Reason;

use super::call_tracker::CallTracker;
use super::live_tracking::TrackerInput;
use super::writer::StoreCommand;

impl CallTracker {
    /// Sets what is told of living calls.
    pub(super) fn set_events(&mut self, choices: Option<Arc<EventChoices>>) {
        if choices != self.live.choices {
            self.change_events(choices);
        }
    }

    // Apart, so that it costs nothing as long as nothing changes.
    #[inline(never)]
    fn change_events(&mut self, choices: Option<Arc<EventChoices>>) {
        let (was_on, is_on) = (self.tells_events(), choices.is_some());
        if was_on != is_on {
            self.live.lookups = self.documents.ended_lookups().filter(|_| is_on);
        }
        self.ledger.tell_events(choices.clone().unwrap_or_default());
        self.live.choices = choices;
    }

    /// Returns whether anything is told of living calls.
    pub(super) const fn tells_events(&self) -> bool {
        self.live.choices.is_some()
    }

    /// Stores the events of a call before the leg that says that they were told.
    pub(super) async fn tell(&self, of: &LiveEvents) {
        for mut event in self.documents.events(of) {
            event.switch = self.switch_or(&event.switch);
            self.send(StoreCommand::Event(Box::new(event))).await;
        }
    }

    /// After a gap, once the switch has told what lives: tells of each call what it is now.
    pub(super) async fn resync(&mut self, is_caught_up: bool) {
        if is_caught_up && self.ledger.has_gap() {
            let effects = self.ledger.resync(now_us());
            self.apply_effects(effects).await;
        }
    }

    /// Waits for the next CDRs, or the next lookup that ends. Cancel safe.
    pub(super) async fn next_input(&mut self) -> TrackerInput {
        tokio::select! {
            cdrs = self.cdrs.next() => TrackerInput::Cdrs(cdrs),
            lookup = self.live.next_lookup(&self.address) => TrackerInput::Lookup(lookup),
        }
    }

    /// Takes in what did not come from the switch's connection.
    pub(super) async fn take_input(&mut self, input: TrackerInput) {
        match input {
            TrackerInput::Cdrs(cdrs) => self.take_cdrs(cdrs).await,
            TrackerInput::Lookup(lookup) => self.take_lookup(&lookup).await,
        }
    }

    /// Tells of a lookup in a call of this switch.
    async fn take_lookup(&mut self, lookup: &LookupRecord) {
        let effects = self
            .ledger
            .note_lookup(&lookup.uuid, live_lookup(lookup), now_us());
        self.apply_effects(effects).await;
    }
}

fn live_lookup(lookup: &LookupRecord) -> LiveLookup {
    let outcome = lookup.outcome.as_ref();
    let reason = outcome.map(|outcome| outcome.reason.as_deref().unwrap_or(Reason::SUCCESS));
    let held_us = i64::try_from(lookup.held_us).unwrap_or(0);
    LiveLookup {
        webhook: lookup.webhook.clone(),
        line: match &*lookup.ending {
            "line_0" => Some(0),
            "line_1" | "rescued" => Some(1),
            _ => None,
        },
        reason: reason.map(str::to_owned),
        asked_us: outcome.and_then(|outcome| outcome.asked_us),
        at_us: (lookup.began_ms * 1_000).saturating_add(held_us),
    }
}
