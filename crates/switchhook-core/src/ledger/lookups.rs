//! Lookups that end in the middle of calls, for the events of living calls.
//!
//! The call control hears of a call on another connection than the ledger. A webhook that answers at
//! once may do so before the ledger has seen the leg.

use std::collections::VecDeque;

use super::{Effect, Ledger};
use crate::leg::LiveLookup;

/// Lookups that wait for their legs, at most.
const MAX_EARLY: usize = 1_024;
/// How long one waits: longer than the ledger is behind the switch, unless the leg is another
/// switch's, µs.
const EARLY_AGE_US: i64 = 60_000_000;

/// Lookups whose legs were not seen yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct EarlyLookups(VecDeque<EarlyLookup>);

#[derive(Debug)]
struct EarlyLookup {
    uuid: String,
    lookup: LiveLookup,
    since_us: i64,
}

impl EarlyLookups {
    fn keep(&mut self, uuid: String, lookup: LiveLookup, since_us: i64) {
        if self.0.len() >= MAX_EARLY {
            self.0.pop_front();
        }
        self.0.push_back(EarlyLookup {
            uuid,
            lookup,
            since_us,
        });
    }

    fn take(&mut self, uuid: &str) -> Option<LiveLookup> {
        let place = self.0.iter().position(|early| early.uuid == uuid)?;
        self.0.remove(place).map(|early| early.lookup)
    }

    /// Forgets those that have waited too long.
    pub(super) fn forget_old(&mut self, now_us: i64) {
        self.0
            .retain(|early| now_us.saturating_sub(early.since_us) < EARLY_AGE_US);
    }
}

impl Ledger {
    /// Notes a lookup that has ended. If no event has shown its leg yet, it waits for one.
    pub fn note_lookup(&mut self, uuid: &str, lookup: LiveLookup, now_us: i64) -> Vec<Effect> {
        if !self.live.is_on {
            return Vec::new();
        }
        let uuid = self.current_uuid(uuid).to_owned();
        let Some(entry) = self.legs.get_mut(&uuid) else {
            if !self.finished.has(&uuid) {
                self.live.early.keep(uuid, lookup, now_us);
            }
            return Vec::new();
        };
        if !entry.leg.note_lookup(lookup) {
            return Vec::new();
        }
        let mut effects = self.tell(&uuid, now_us);
        effects.push(Effect::Store(uuid));
        effects
    }

    /// Notes the lookups that waited for this leg.
    pub(super) fn take_up_early_lookups(&mut self, uuid: &str) {
        while let Some(lookup) = self.live.early.take(uuid) {
            if let Some(entry) = self.legs.get_mut(uuid) {
                entry.leg.note_lookup(lookup);
            }
        }
    }
}
