//! Decides which calls of a group are over, and takes them out of the ledger.

use std::collections::HashSet;

use super::divided::{Divided, Due};
use super::ownership::{self, OwnedCall, TakesPart};
use super::parts::{is_of, note_holds, withhold_recordings};
use super::{Effect, Entry, Ledger};
use crate::finished_call::FinishedCall;
use crate::leg::{Leg, Phase};
use crate::part::Part;
use crate::recording::Recording;

/// Legs of a group that is divided at every event, to end its calls and to tell of them. A larger one
/// is divided once a second, and when all its legs are down.
pub(super) const SMALL_GROUP: usize = 64;

impl Ledger {
    /// Takes out the calls of the group of `uuid` that are over.
    pub(super) fn take_if_over(&mut self, uuid: &str, now_us: i64) -> Vec<Effect> {
        self.take_if_over_of(uuid, now_us, None)
    }

    /// Takes out the calls of the group of `uuid` that are over. `divided`: the group as it is
    /// divided at this event, if that is known.
    #[inline]
    pub(super) fn take_if_over_of(
        &mut self,
        uuid: &str,
        now_us: i64,
        divided: Option<Divided>,
    ) -> Vec<Effect> {
        let Some(group) = self.groups.of(uuid) else {
            return Vec::new();
        };
        if self.seen(group).all(|entry| entry.leg.phase == Phase::Up) {
            self.forget_empty(group);
            return Vec::new();
        }
        let many = self.groups.members(group).len() > SMALL_GROUP;
        if many && self.seen(group).any(|entry| entry.leg.phase == Phase::Up) {
            return Vec::new();
        }
        let divided = divided.unwrap_or_else(|| self.divide(group, now_us, Due::AtEvent));
        self.take_due_of(group, &divided, now_us, Due::AtEvent)
    }

    /// Takes out the calls of a group that are due.
    pub(super) fn take_due(&mut self, group: u64, now_us: i64, due: Due) -> Vec<Effect> {
        let divided = self.divide(group, now_us, due);
        self.take_due_of(group, &divided, now_us, due)
    }

    fn take_due_of(&mut self, group: u64, divided: &Divided, now_us: i64, due: Due) -> Vec<Effect> {
        let over: Vec<usize> = (0..divided.calls.len())
            .filter(|call| self.is_due(divided, &divided.calls[*call], now_us, due))
            .collect();
        self.take_calls(group, divided, &over)
    }

    fn is_due(&self, divided: &Divided, call: &OwnedCall, now_us: i64, due: Due) -> bool {
        let entries = || call.legs.iter().filter_map(|leg| self.entry(divided, *leg));
        if entries().any(|entry| entry.is_lent) {
            return false;
        }
        let legs: Vec<&Leg> = entries().map(|entry| &entry.leg).collect();
        let waited =
            |entry: &Entry| now_us.saturating_sub(entry.last_seen_us) >= ownership::AFTER_TALK_US;
        let waits = !matches!(due, Due::AtTick) || !entries().all(waited);
        if waits && self.expects_a_leg(&legs) {
            return false;
        }
        let over = !call.is_open
            && entries().all(|entry| self.is_done(entry, now_us) && self.all_seen(&entry.leg))
            && call.parts.iter().all(|part| !self.records(divided, part));
        let overdue = || {
            let waited = |entry: &Entry| now_us.saturating_sub(entry.last_seen_us);
            entries().all(|entry| {
                entry.leg.phase != Phase::Up
                    && waited(entry) >= self.options.patience_us
                    && !self.waits_for_conference(&entry.leg)
            })
        };
        over || (matches!(due, Due::AtTick) && overdue())
    }

    /// Returns whether nothing more is expected of the leg.
    fn is_done(&self, entry: &Entry, now_us: i64) -> bool {
        let leg = &entry.leg;
        match leg.phase {
            Phase::Up | Phase::Lost | Phase::HangingUp => false,
            Phase::CdrSeen => {
                now_us.saturating_sub(entry.last_seen_us) >= self.options.cdr_patience_us
            }
            Phase::Down => {
                let cdr_may_tell = self.options.has_cdrs && leg.needs_cdr();
                leg.is_settled() && !cdr_may_tell
            }
        }
    }

    pub(super) fn seen(&self, group: u64) -> impl Iterator<Item = &Entry> {
        let members = self.groups.members(group).iter();
        members.filter_map(|uuid| self.legs.get(uuid))
    }

    fn all_seen(&self, leg: &Leg) -> bool {
        let part_of = leg.flow.part_of.iter();
        leg.links
            .iter()
            .chain(part_of)
            .all(|link| self.is_seen(link))
    }

    pub(super) fn is_seen(&self, link: &str) -> bool {
        self.legs.contains_key(self.current_uuid(link)) || self.finished.has(link)
    }

    /// Returns whether a call of the group has waited too long.
    pub(super) fn is_overdue(&self, group: u64, now_us: i64) -> bool {
        let waits = |entry: &Entry| {
            let waited = now_us.saturating_sub(entry.last_seen_us);
            entry.leg.phase != Phase::Up
                && waited >= self.options.patience_us
                && !self.waits_for_conference(&entry.leg)
        };
        if !self.seen(group).any(waits) {
            return self.seen(group).next().is_none();
        }
        let divided = self.divide(group, now_us, Due::AtTick);
        divided.calls.iter().any(|call| {
            let mut entries = call
                .legs
                .iter()
                .filter_map(|leg| self.entry(&divided, *leg));
            entries.all(waits)
        })
    }

    /// Takes the call of this channel out, however far it is.
    pub(super) fn close_call_of(&mut self, uuid: &str, now_us: i64) -> Option<Box<FinishedCall>> {
        let group = self.groups.of(uuid)?;
        let divided = self.divide(group, now_us, Due::AtTick);
        let at = divided.uuids.iter().position(|leg| leg == uuid)?;
        let call = divided
            .calls
            .iter()
            .position(|call| call.legs.contains(&at))?;
        let effects = self.take_calls(group, &divided, &[call]);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Over(call) => Some(call),
            Effect::Store(_) | Effect::Forget(_) | Effect::Tell(_) => None,
        })
    }

    /// Forgets the calls of the group whose legs are all in documents of another ledger. Returns
    /// their number.
    pub(super) fn forget_finished(&mut self, group: u64, now_us: i64) -> usize {
        let divided = self.divide(group, now_us, Due::AtTick);
        let is_finished = |leg: &usize| {
            let leg = self.leg_at(&divided, *leg);
            leg.is_some_and(|leg| self.finished.has_channel(&leg.uuid, leg.created_us))
        };
        let finished: Vec<usize> = (0..divided.calls.len())
            .filter(|call| divided.calls[*call].legs.iter().all(is_finished))
            .collect();
        drop(self.take_calls(group, &divided, &finished));
        finished.len()
    }

    /// Takes calls of a group out and forgets them. Legs that stay are marked first: what they did
    /// in these calls is not learnt again.
    fn take_calls(&mut self, group: u64, divided: &Divided, over: &[usize]) -> Vec<Effect> {
        if over.is_empty() {
            self.forget_empty(group);
            return Vec::new();
        }
        let parts: Vec<Vec<Part>> = over
            .iter()
            .map(|call| self.parts(divided, &divided.calls[*call]))
            .collect();
        let mut effects: Vec<Effect> = self.mark_those_who_stay(divided, over);
        let mut calls: Vec<FinishedCall> = Vec::new();
        for (call, parts) in over.iter().zip(parts) {
            calls.extend(self.take_call(divided, &divided.calls[*call], parts));
        }
        calls.sort_by_key(FinishedCall::created_us);
        effects.extend(calls.into_iter().map(|call| Effect::Over(Box::new(call))));
        self.regroup(group);
        effects
    }

    /// Takes a call out; `None` if all its legs are in documents of another ledger.
    fn take_call(
        &mut self,
        divided: &Divided,
        call: &OwnedCall,
        parts: Vec<Part>,
    ) -> Option<FinishedCall> {
        let heritage = self.heritage(divided, call);
        let may_lack_recordings = call.parts.iter().any(|part| self.may_be_of(divided, part));
        let mut legs = self.take_legs(divided, call);
        let own: HashSet<String> = legs.iter().map(|leg| leg.uuid.clone()).collect();
        for leg in &mut legs {
            leg.agents_unknown |= !call.is_agents && self.lacks_a_talk(leg, &own, &parts);
            let without_start = leg.recordings.iter().any(|one| one.started_us.is_none());
            leg.talks_unknown = (leg.went_on && without_start)
                || (!leg.recordings.is_empty() && self.missed_a_talk(leg, &own, &parts));
            leg.recordings_unknown |= leg.talks_unknown || may_lack_recordings;
        }
        // An instance that missed how calls came together finished some of their legs by itself.
        let elsewhere = self.note_finished(&legs);
        let is_of_another_call = |leg: &Leg, link: &str| {
            let link = self.current_uuid(link);
            let has_own_life = leg.went_on || heritage.is_some();
            let made_for = !has_own_life
                && [
                    leg.maker(),
                    leg.loopback_peer.as_deref(),
                    leg.flow.part_of.as_deref(),
                ]
                .contains(&Some(link));
            self.legs.contains_key(link) || (!made_for && self.finished.has(link))
        };
        let mut finished = FinishedCall::with_parts(legs, parts, &is_of_another_call);
        finished.heritage = heritage;
        withhold_recordings(&mut finished, &self.tenants);
        finished.without(&|uuid, _| elsewhere.contains(uuid))
    }

    /// Takes the legs of a call out, as its document has them.
    fn take_legs(&mut self, divided: &Divided, call: &OwnedCall) -> Vec<Leg> {
        let own: HashSet<usize> = call.legs.iter().copied().collect();
        let given: Vec<(usize, TakesPart)> = self.given(divided, &own);
        let mut legs: Vec<Leg> = Vec::new();
        for place in &call.legs {
            let entry = divided
                .uuids
                .get(*place)
                .and_then(|uuid| self.legs.remove(uuid));
            let Some(Entry { mut leg, .. }) = entry else {
                continue;
            };
            let served = || given.iter().filter(|(leg, _)| leg == place);
            let elsewhere =
                |one: &Recording| one.given || served().any(|(_, part)| is_of(one, part));
            leg.recordings.retain(|one| !elsewhere(one));
            served().for_each(|(_, part)| note_holds(&mut leg.recordings, part));
            // CDRs of unseen agents are written and read before the caller's.
            let cdrs_read =
                self.options.has_cdrs && (leg.cdr_merged || leg.phase == Phase::CdrSeen);
            let lacks = call.lacks_talks || (leg.went_on && leg.had_gap());
            leg.agents_unknown = (leg.may_lack_agents() && !cdrs_read) || lacks;
            legs.push(leg);
        }
        legs
    }

    /// Returns whether a leg without a life of its own talked with a leg outside of its call, and
    /// the call has no part for it: the talk was missed, here or by the ledger that finished the
    /// other's call.
    fn lacks_a_talk(&self, leg: &Leg, own: &HashSet<String>, parts: &[Part]) -> bool {
        let is_over = |uuid: &str| self.finished.has(uuid) && !self.legs.contains_key(uuid);
        let named = leg.links.iter().filter(|uuid| is_over(uuid));
        let mut others = named.chain(&leg.bridged_to);
        !leg.went_on && others.any(|uuid| !self.is_in(uuid, own, parts))
    }

    /// Returns whether the switch says that the leg talked with one outside of its call, and that
    /// talk was not seen.
    fn missed_a_talk(&self, leg: &Leg, own: &HashSet<String>, parts: &[Part]) -> bool {
        let is_seen = |uuid: &str| leg.talks.iter().any(|talk| talk.with == uuid);
        let mut others = leg.bridged_to.iter();
        others.any(|uuid| !is_seen(uuid) && !self.is_in(uuid, own, parts))
    }

    /// Returns whether a channel is a leg of the call with the legs `own`, or took part in it.
    fn is_in(&self, uuid: &str, own: &HashSet<String>, parts: &[Part]) -> bool {
        own.contains(uuid)
            || own.contains(self.current_uuid(uuid))
            || parts.iter().any(|part| part.uuid == uuid)
    }

    /// Remembers that these legs are over. Returns those that another ledger has finished before.
    fn note_finished(&mut self, legs: &[Leg]) -> HashSet<String> {
        let known = |leg: &&Leg| self.finished.has_channel(&leg.uuid, leg.created_us);
        let known = legs.iter().filter(known).map(|leg| leg.uuid.clone());
        let known: HashSet<String> = known.collect();
        for leg in legs {
            self.finished.insert(&leg.uuid, leg.created_us);
            for former in &leg.former_uuids {
                self.renamed.remove(former);
                self.finished.insert(former, leg.created_us);
            }
        }
        known
    }

    /// Groups the legs that are left of a group anew.
    fn regroup(&mut self, group: u64) {
        let members = self.groups.remove(group);
        let left: Vec<Leg> = members
            .iter()
            .filter_map(|uuid| self.legs.get(uuid))
            .map(|entry| entry.leg.clone())
            .collect();
        for leg in &left {
            self.join_named(leg);
        }
    }

    fn forget_empty(&mut self, group: u64) {
        if self.seen(group).next().is_none() {
            drop(self.groups.remove(group));
        }
    }
}
