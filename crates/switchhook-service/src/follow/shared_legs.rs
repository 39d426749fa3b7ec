//! Legs on one followed switch that are part of a call on another (`flow.part_of`).
//!
//! The tracker that sees such a leg offers it at each change. The tracker of the switch that has
//! the call takes it, and holds the call's document until the leg is down too. Then it says so,
//! and the first tracker forgets the leg. Both store the leg until then, so a crash loses none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use switchhook_core::leg::Leg;

/// Legs that may wait for the switch of their call.
const MAX_OFFERS: usize = 10_000;

/// What the trackers of one service hand to each other.
#[derive(Debug, Default)]
pub(crate) struct SharedLegs {
    trackers: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By the Unique-ID that `flow.part_of` names, then by the leg's own.
    offers: HashMap<String, BTreeMap<String, Leg>>,
    /// Legs that another tracker has taken.
    taken: HashSet<String>,
    /// Taken legs whose call is over.
    done: HashSet<String>,
}

impl SharedLegs {
    /// Notes one more tracker.
    pub(super) fn join(&self) {
        self.trackers.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns whether there is more than one tracker.
    pub(super) fn is_shared(&self) -> bool {
        self.trackers.load(Ordering::Relaxed) > 1
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers a leg in its present state to the call of `target`.
    pub(super) fn offer(&self, target: &str, leg: Leg) {
        let mut state = self.state();
        if state.offers.len() < MAX_OFFERS || state.offers.contains_key(target) {
            let legs = state.offers.entry(target.to_owned()).or_default();
            legs.insert(leg.uuid.clone(), leg);
        }
    }

    /// Takes the legs that are offered to calls of which the tracker has a leg.
    pub(super) fn take(&self, has_leg: &dyn Fn(&str) -> bool) -> Vec<Leg> {
        let mut state = self.state();
        if state.offers.is_empty() {
            return Vec::new();
        }
        let targets = state.offers.keys().filter(|target| has_leg(target));
        let targets: Vec<String> = targets.cloned().collect();
        let mut taken = Vec::new();
        for target in targets {
            let legs = state.offers.remove(&target).unwrap_or_default();
            taken.extend(legs.into_values());
        }
        let uuids = taken.iter().map(|leg| leg.uuid.clone());
        state.taken.extend(uuids);
        taken
    }

    /// Returns whether another tracker has taken the leg.
    pub(super) fn is_taken(&self, uuid: &str) -> bool {
        self.state().taken.contains(uuid)
    }

    /// Returns the taken legs that the tracker lent.
    pub(super) fn taken(&self, lends: &dyn Fn(&str) -> bool) -> Vec<String> {
        let state = self.state();
        state
            .taken
            .iter()
            .filter(|uuid| lends(uuid))
            .cloned()
            .collect()
    }

    /// Notes that the call of these legs is over; only taken ones count.
    pub(super) fn finish<'a>(&self, legs: impl Iterator<Item = &'a str>) {
        let mut state = self.state();
        for uuid in legs {
            if state.taken.remove(uuid) {
                state.done.insert(uuid.to_owned());
            }
        }
    }

    /// Takes those of the tracker's legs whose call another tracker has finished.
    pub(super) fn take_done(&self, has_leg: &dyn Fn(&str) -> bool) -> Vec<String> {
        let mut state = self.state();
        let done: Vec<String> = state
            .done
            .iter()
            .filter(|uuid| has_leg(uuid))
            .cloned()
            .collect();
        for uuid in &done {
            state.done.remove(uuid);
        }
        done
    }

    /// Withdraws what was offered and not taken of a leg that is gone.
    pub(super) fn withdraw(&self, uuid: &str) {
        let mut state = self.state();
        for legs in state.offers.values_mut() {
            legs.remove(uuid);
        }
        state.offers.retain(|_, legs| !legs.is_empty());
    }
}
