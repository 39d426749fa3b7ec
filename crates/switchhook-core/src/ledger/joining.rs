//! Puts legs that name each other into one group.

use super::{Entry, Ledger};
use crate::headers::Headers;
use crate::leg::Leg;

/// Links and talks of finished calls that a standing leg may keep.
const KEPT_LINKS: usize = 32;

impl Ledger {
    /// Inserts the leg and joins it with the legs it names.
    pub(super) fn insert_leg(&mut self, leg: Leg, now_us: i64) {
        self.join_named(&leg);
        for former in &leg.former_uuids {
            self.renamed.insert(former.clone(), leg.uuid.clone());
        }
        let uuid = leg.uuid.clone();
        let entry = Entry {
            is_lent: self.legs.get(&uuid).is_some_and(|entry| entry.is_lent),
            leg,
            last_seen_us: now_us,
        };
        self.legs.insert(uuid, entry);
    }

    /// Puts the leg into one group with those it names.
    pub(super) fn join_named(&mut self, leg: &Leg) {
        self.groups.group_or_new(&leg.uuid);
        for former in &leg.former_uuids {
            self.groups.join(&leg.uuid, former);
        }
        let part_of = leg.flow.part_of.iter().filter(|call| **call != leg.uuid);
        for link in leg.links.iter().chain(&leg.hints).chain(part_of) {
            if self.legs.contains_key(link) || !self.finished.has(link) {
                self.groups.join(&leg.uuid, link);
            }
        }
    }

    /// A leg that stands for a shift names every customer whom it served: forgets those whose
    /// calls are over.
    pub(super) fn forget_finished_links(&self, leg: &mut Leg) {
        let over = |uuid: &str| self.finished.has(uuid) && !self.legs.contains_key(uuid);
        if leg.went_on && leg.links.len() >= KEPT_LINKS {
            leg.links.retain(|link| !over(link));
        }
        if leg.went_on && leg.talks.len() >= KEPT_LINKS {
            leg.talks.retain(|talk| !over(&talk.with));
        }
    }

    /// The switch may report a talk's beginning for one of its legs and the end for the other.
    pub(super) fn end_talk_of_the_other(&mut self, leg: &Leg, event: &dyn Headers) {
        let Some((with, at_us)) = leg.unbridged(event) else {
            return;
        };
        let with = self.current_uuid(&with).to_owned();
        if let Some(other) = self.legs.get_mut(&with) {
            other.leg.end_talk(&leg.uuid, at_us);
        }
    }

    /// Applies `CHANNEL_UUID`, which gives the leg another Unique-ID. Returns the old one.
    pub(super) fn rename(&mut self, old: &str, new: &str, now_us: i64) -> Option<String> {
        if old == new || self.legs.contains_key(new) {
            return None;
        }
        let mut leg = self.legs.remove(old)?.leg;
        leg.rename(new);
        for current_uuid in self.renamed.values_mut().filter(|uuid| *uuid == old) {
            new.clone_into(current_uuid);
        }
        self.insert_leg(leg, now_us);
        Some(old.to_owned())
    }
}
