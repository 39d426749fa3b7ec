//! A group of legs that know each other, divided into calls.

use super::ownership::{self, OwnedCall};
use super::{Entry, Ledger};
use crate::leg::Leg;

/// When a call is taken out.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// When it is over, as far as events say.
    AtEvent,
    /// When it is over, or has waited long enough: every event until then was read.
    AtTick,
}

/// A group of legs that know each other, divided into calls.
pub(super) struct Divided {
    /// The legs, by their place.
    pub uuids: Vec<String>,
    /// The calls.
    pub calls: Vec<OwnedCall>,
}

impl Ledger {
    pub(super) fn divide(&self, group: u64, now_us: i64, due: Due) -> Divided {
        let mut entries: Vec<&Entry> = self.seen(group).collect();
        entries.sort_by(|one, other| one.leg.uuid.cmp(&other.leg.uuid));
        let legs: Vec<&Leg> = entries.iter().map(|entry| &entry.leg).collect();
        let waited = |leg: usize| match due {
            Due::AtEvent => false,
            Due::AtTick => {
                let waited = now_us.saturating_sub(entries[leg].last_seen_us);
                waited >= ownership::AFTER_TALK_US
            }
        };
        let calls = ownership::divide(&legs, &self.tenants, &waited);
        let uuids = legs.iter().map(|leg| leg.uuid.clone()).collect();
        Divided { uuids, calls }
    }

    pub(super) fn entry(&self, divided: &Divided, leg: usize) -> Option<&Entry> {
        self.legs.get(divided.uuids.get(leg)?)
    }

    pub(super) fn leg_at(&self, divided: &Divided, leg: usize) -> Option<&Leg> {
        self.entry(divided, leg).map(|entry| &entry.leg)
    }
}
