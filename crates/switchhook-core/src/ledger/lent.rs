//! Legs of a call that another ledger has: those of another switch, by `flow.part_of`.

use super::{Effect, Ledger};
use crate::leg::Leg;

/// Legs that made each other, at most, from one to the one that names its call.
const MAX_MAKERS: usize = 16;

impl Ledger {
    /// Returns the leg, unknown here, of whose call this leg says that it is part: by its own
    /// `flow.part_of`, or that of the leg that made it.
    #[must_use]
    pub fn call_elsewhere(&self, uuid: &str) -> Option<String> {
        let mut leg = self.leg(uuid)?;
        for _ in 0..MAX_MAKERS {
            if let Some(call) = &leg.flow.part_of {
                let elsewhere = *call != leg.uuid && !self.is_seen(call);
                return elsewhere.then(|| call.clone());
            }
            let maker = leg.maker().or(leg.loopback_peer.as_deref())?;
            leg = self.leg(self.current_uuid(maker))?;
        }
        None
    }

    /// Returns every leg of a call in progress.
    pub fn all_legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values().map(|entry| &entry.leg)
    }

    /// Takes a leg of another switch into a call of this ledger, or its news.
    pub fn adopt(&mut self, leg: Leg, now_us: i64) -> Vec<Effect> {
        let known = self.leg(&leg.uuid);
        let is_over = self.finished.has_channel(&leg.uuid, leg.created_us);
        if is_over || known.is_some_and(|known| *known == leg || known.phase > leg.phase) {
            return Vec::new();
        }
        let uuid = leg.uuid.clone();
        self.insert_leg(leg, now_us);
        let told = self.tell(&uuid, now_us);
        let over = self.take_if_over(&uuid, now_us);
        let stands = self.legs.contains_key(&uuid);
        let stored = stands.then_some(Effect::Store(uuid));
        told.into_iter().chain(stored).chain(over).collect()
    }

    /// Notes that another ledger has the call of this leg: its document is made there.
    pub fn lend(&mut self, uuid: &str) {
        if let Some(entry) = self.legs.get_mut(uuid) {
            entry.is_lent = true;
        }
    }

    /// Sets whether other switches are followed, whose legs a call may have.
    pub fn has_other_switches(&mut self, others: bool) {
        self.others = others;
    }

    /// Returns whether one of these legs went to another switch, and no leg from there came yet.
    pub(super) fn expects_a_leg(&self, legs: &[&Leg]) -> bool {
        let crosses = |leg: &&&Leg| {
            let call = leg.crosses_for.as_deref();
            call.is_some_and(|call| legs.iter().any(|one| one.uuid == call))
        };
        let switches = || legs.iter().map(|leg| leg.switch.as_str());
        let alone = switches().all(|switch| Some(switch) == switches().next());
        self.others && alone && legs.iter().any(|leg| crosses(&leg))
    }
}
