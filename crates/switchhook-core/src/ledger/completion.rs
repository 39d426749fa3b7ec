//! Decides which calls of a group are over, and takes them out of the ledger.

use std::collections::HashSet;

use super::ownership::{self, OwnedCall, TakesPart};
use super::{Effect, Entry, Ledger};
use crate::finished_call::FinishedCall;
use crate::leg::{Heritage, Leg, Phase};
use crate::part::Part;
use crate::recording::Recording;

/// Legs of a group that is divided at every event. A larger one is divided once a second, and
/// when all its legs are down.
const SMALL_GROUP: usize = 64;

/// When a call is taken out.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// When it is over, as far as events say.
    AtEvent,
    /// When it is over, or has waited long enough: every event until then was read.
    AtTick,
}

/// A group of legs that know each other, divided into calls.
struct Divided {
    uuids: Vec<String>,
    calls: Vec<OwnedCall>,
}

impl Ledger {
    /// Takes out the calls of the group of `uuid` that are over.
    pub(super) fn take_if_over(&mut self, uuid: &str, now_us: i64) -> Vec<Effect> {
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
        self.take_due(group, now_us, Due::AtEvent)
    }

    /// Takes out the calls of a group that are due.
    pub(super) fn take_due(&mut self, group: u64, now_us: i64, due: Due) -> Vec<Effect> {
        let divided = self.divide(group, now_us, due);
        let over: Vec<usize> = (0..divided.calls.len())
            .filter(|call| self.is_due(&divided, &divided.calls[*call], now_us, due))
            .collect();
        self.take_calls(group, &divided, &over)
    }

    fn divide(&self, group: u64, now_us: i64, due: Due) -> Divided {
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

    /// Returns whether a recording of the call goes on, on a leg that takes part in it.
    fn records(&self, divided: &Divided, part: &TakesPart) -> bool {
        let Some(entry) = self.entry(divided, part.leg) else {
            return false;
        };
        let mut recordings = entry.leg.recordings.iter();
        recordings.any(|one| !one.is_closed() && is_of(one, part)) && !talks_on(&entry.leg, part)
    }

    fn entry(&self, divided: &Divided, leg: usize) -> Option<&Entry> {
        self.legs.get(divided.uuids.get(leg)?)
    }

    fn leg_at(&self, divided: &Divided, leg: usize) -> Option<&Leg> {
        self.entry(divided, leg).map(|entry| &entry.leg)
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
            Effect::Store(_) | Effect::Forget(_) => None,
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
            calls.push(self.take_call(divided, &divided.calls[*call], parts));
        }
        calls.sort_by_key(FinishedCall::created_us);
        effects.extend(calls.into_iter().map(|call| Effect::Over(Box::new(call))));
        self.regroup(group);
        effects
    }

    fn take_call(&mut self, divided: &Divided, call: &OwnedCall, parts: Vec<Part>) -> FinishedCall {
        let heritage = self.heritage(divided, call);
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
            let elsewhere = |one: &Recording| {
                let mut given = given.iter().filter(|(leg, _)| leg == place);
                one.given || given.any(|(_, part)| is_of(one, part))
            };
            leg.recordings.retain(|one| !elsewhere(one));
            // CDRs of unseen agents are written and read before the caller's.
            let cdrs_read =
                self.options.has_cdrs && (leg.cdr_merged || leg.phase == Phase::CdrSeen);
            let lacks = call.lacks_talks || (leg.went_on && leg.had_gap());
            leg.agents_unknown = (leg.may_lack_agents() && !cdrs_read) || lacks;
            legs.push(leg);
        }
        for leg in &legs {
            self.finished.insert(&leg.uuid, leg.created_us);
            for former in &leg.former_uuids {
                self.renamed.remove(former);
                self.finished.insert(former, leg.created_us);
            }
        }
        let elsewhere = |leg: &Leg, link: &str| {
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
        let mut finished = FinishedCall::with_parts(legs, parts, &elsewhere);
        finished.heritage = heritage;
        finished
    }

    /// Returns the talks of the call's legs in which they served another call.
    fn given(&self, divided: &Divided, own: &HashSet<usize>) -> Vec<(usize, TakesPart)> {
        let all = divided.calls.iter().flat_map(|call| &call.parts);
        let served = all.filter(|part| part.serves && own.contains(&part.leg));
        served.map(|part| (part.leg, part.clone())).collect()
    }

    /// Returns what the call's first leg has from the agent's leg that made it.
    fn heritage(&self, divided: &Divided, call: &OwnedCall) -> Option<Heritage> {
        let legs = call
            .legs
            .iter()
            .filter_map(|leg| self.leg_at(divided, *leg));
        let mut legs: Vec<&Leg> = legs.collect();
        legs.sort_by_key(|leg| leg.created_us);
        legs.iter().find_map(|leg| {
            let maker = leg
                .maker()
                .and_then(|maker| self.leg(self.current_uuid(maker)));
            let outside = maker.filter(|maker| !legs.iter().any(|leg| leg.uuid == maker.uuid));
            let inherited = outside.filter(|_| !leg.went_on).map(heritage_of);
            leg.heritage.clone().or(inherited)
        })
    }

    /// Returns what the call keeps of the legs that took part in it.
    fn parts(&self, divided: &Divided, call: &OwnedCall) -> Vec<Part> {
        let legs = call
            .legs
            .iter()
            .filter_map(|leg| self.leg_at(divided, *leg));
        let mut parts: Vec<Part> = legs.flat_map(|leg| leg.parts.clone()).collect();
        for taken in &call.parts {
            parts.extend(self.part(divided, taken));
        }
        if call.is_agents {
            parts.clear();
        }
        parts.sort_by(|one, other| (one.from_us, &one.uuid).cmp(&(other.from_us, &other.uuid)));
        parts.dedup_by(|one, other| (one.from_us, &one.uuid) == (other.from_us, &other.uuid));
        parts
    }

    fn part(&self, divided: &Divided, taken: &TakesPart) -> Option<Part> {
        let leg = self.leg_at(divided, taken.leg)?;
        let with = self.leg_at(divided, taken.with)?;
        let until_us = taken.until_us.or(with.ended_us).unwrap_or(taken.from_us);
        let mut part = leg.part_in(taken.from_us, until_us, taken.foreign);
        let recordings = leg
            .recordings
            .iter()
            .filter(|one| taken.serves && is_of(one, taken) && one.is_closed());
        part.recordings = recordings.cloned().collect();
        Some(part)
    }

    /// Marks the legs that stay after these calls are taken out, and returns what to store.
    fn mark_those_who_stay(&mut self, divided: &Divided, over: &[usize]) -> Vec<Effect> {
        let leaving: HashSet<usize> = over
            .iter()
            .flat_map(|call| divided.calls[*call].legs.iter().copied())
            .collect();
        let mut changed: Vec<String> = Vec::new();
        let stays = |leg: usize| !leaving.contains(&leg);
        for (number, call) in divided.calls.iter().enumerate() {
            for taken in &call.parts {
                // A leg that stays took part in a call that leaves, or the other way round.
                if over.contains(&number) && stays(taken.leg) {
                    changed.extend(self.mark_went_on(divided, taken));
                } else if !over.contains(&number) && !stays(taken.leg) {
                    changed.extend(self.keep_part(divided, taken));
                }
            }
        }
        for call in over.iter().map(|call| &divided.calls[*call]) {
            let staying = call.may_have_talked.iter().filter(|leg| stays(**leg));
            for uuid in staying.filter_map(|leg| divided.uuids.get(*leg)) {
                if let Some(entry) = self.legs.get_mut(uuid) {
                    entry.leg.went_on = true;
                    changed.push(uuid.clone());
                }
            }
        }
        changed.extend(self.mark_heirs(divided, &leaving));
        changed.sort();
        changed.dedup();
        changed.into_iter().map(Effect::Store).collect()
    }

    fn mark_went_on(&mut self, divided: &Divided, taken: &TakesPart) -> Option<String> {
        let uuid = divided.uuids.get(taken.leg)?;
        let leg = &mut self.legs.get_mut(uuid)?.leg;
        if taken.serves {
            leg.went_on = true;
            let of_the_call = |one: &&mut Recording| is_of(one, taken) && one.is_closed();
            leg.recordings
                .iter_mut()
                .filter(of_the_call)
                .for_each(|one| one.given = true);
        }
        Some(uuid.clone())
    }

    fn keep_part(&mut self, divided: &Divided, taken: &TakesPart) -> Option<String> {
        let part = self.part(divided, taken)?;
        let uuid = divided.uuids.get(taken.with)?;
        let leg = &mut self.legs.get_mut(uuid)?.leg;
        let known = |one: &Part| one.uuid == part.uuid && one.from_us == part.from_us;
        if leg.parts.len() < self.options.limits.parts && !leg.parts.iter().any(known) {
            leg.parts.push(part);
        }
        Some(uuid.clone())
    }

    /// Marks the legs with a life of their own that an agent's leg made which leaves.
    fn mark_heirs(&mut self, divided: &Divided, leaving: &HashSet<usize>) -> Vec<String> {
        let mut heirs: Vec<(String, Heritage)> = Vec::new();
        for (place, uuid) in divided.uuids.iter().enumerate() {
            let leg = self
                .leg(uuid)
                .filter(|leg| leg.heritage.is_none() && !leaving.contains(&place));
            let maker = leg.and_then(|leg| leg.maker().map(|maker| self.current_uuid(maker)));
            let maker = maker.and_then(|maker| self.leg(maker));
            let gone = maker.filter(|maker| {
                let place = divided.uuids.iter().position(|uuid| *uuid == maker.uuid);
                place.is_some_and(|place| leaving.contains(&place))
            });
            heirs.extend(gone.map(|maker| (uuid.clone(), heritage_of(maker))));
        }
        let mut changed = Vec::new();
        for (uuid, heritage) in heirs {
            if let Some(entry) = self.legs.get_mut(&uuid) {
                entry.leg.heritage = Some(heritage);
                changed.push(uuid);
            }
        }
        changed
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

fn heritage_of(maker: &Leg) -> Heritage {
    let inherited = maker.heritage.clone().unwrap_or_default();
    Heritage {
        flow: maker.flow.name.clone().or(inherited.flow),
        account: maker.flow.account.clone().or(inherited.account),
    }
}

/// Returns whether a recording began within the talk.
fn is_of(recording: &Recording, part: &TakesPart) -> bool {
    let began = recording.started_us;
    began.is_some_and(|began| {
        began >= part.from_us && part.until_us.is_none_or(|until| began <= until)
    })
}

/// Returns whether the leg talks with another leg after that talk.
fn talks_on(leg: &Leg, part: &TakesPart) -> bool {
    leg.talks.iter().any(|talk| talk.from_us > part.from_us)
}
