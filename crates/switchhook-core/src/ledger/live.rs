//! Tells what happens in calls while they live.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::completion::SMALL_GROUP;
use super::divided::{Divided, Due};
use super::lookups::EarlyLookups;
use super::ownership::{OwnedCall, TakesPart};
use super::parts::is_of;
use super::{Effect, Ledger};
use crate::finished_call::FinishedCall;
use crate::leg::{Leg, Told};
use crate::live_events::{
    self, Change, EventChoices, LiveCall, LiveEvents, LivePart, Occurrence, gathered, joined_end,
};
use crate::numbers::NumberSource;
use crate::tenants::DEFAULT_FLOW;

/// Channels whose variables are asked for at once.
const MAX_QUESTIONS: usize = 1_000;

/// What the ledger needs to tell what happens.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Some flow has events.
    pub(super) is_on: bool,
    /// What each flow is told.
    choices: Arc<EventChoices>,
    /// Events of the switch were missed, and it has not told yet what lives.
    has_gap: bool,
    /// First legs of calls whose flow is not known yet, and is needed.
    questions: BTreeSet<String>,
    /// Lookups of legs that no event has shown yet.
    pub(super) early: EarlyLookups,
}

impl Ledger {
    /// Sets what is told of calls while they live.
    pub fn tell_events(&mut self, choices: Arc<EventChoices>) {
        let is_on = !choices.is_empty();
        self.live.choices = choices;
        // What happened before is not made up.
        self.live.has_gap = is_on && !self.live.is_on && !self.legs.is_empty();
        self.live.is_on = is_on;
        self.options.limits.live = is_on;
    }

    /// Returns whether a gap of the events waits for [`Ledger::resync`].
    #[must_use]
    pub const fn has_gap(&self) -> bool {
        self.live.has_gap
    }

    /// Notes that events were missed: nothing is told before [`Ledger::resync`].
    pub(super) const fn note_live_gap(&mut self) {
        self.live.has_gap = self.live.is_on;
    }

    /// The switch has told which channels live: tells of each call what it is now.
    pub fn resync(&mut self, now_us: i64) -> Vec<Effect> {
        if !std::mem::take(&mut self.live.has_gap) {
            return Vec::new();
        }
        let groups = self.groups.ids().collect();
        self.tell_groups(groups, now_us, Some(now_us))
    }

    /// Takes the channels whose variables should be asked for: their call's flow is needed.
    pub fn take_questions(&mut self) -> Vec<String> {
        std::mem::take(&mut self.live.questions)
            .into_iter()
            .collect()
    }

    /// Tells what has happened in the calls of this leg's group.
    #[inline]
    pub(super) fn tell(&mut self, uuid: &str, now_us: i64) -> Vec<Effect> {
        if !self.live.is_on {
            return Vec::new();
        }
        self.tell_of_leg(uuid, now_us).0
    }

    /// Does so, and returns how the group was divided for it.
    #[inline(never)]
    pub(super) fn tell_of_leg(
        &mut self,
        uuid: &str,
        now_us: i64,
    ) -> (Vec<Effect>, Option<Divided>) {
        self.take_up_early_lookups(uuid);
        let group = self.groups.of(uuid);
        let small = group.filter(|group| self.groups.members(*group).len() <= SMALL_GROUP);
        let told = small.and_then(|group| self.tell_group(group, now_us, None));
        told.map_or_else(Default::default, |(told, divided)| (told, Some(divided)))
    }

    /// Tells what has happened in large groups. Called about once a second.
    pub(super) fn tell_large_groups(&mut self, now_us: i64) -> Vec<Effect> {
        if !self.live.is_on {
            return Vec::new();
        }
        self.live.early.forget_old(now_us);
        let large = |group: &u64| self.groups.members(*group).len() > SMALL_GROUP;
        let groups = self.groups.ids().filter(large).collect();
        self.tell_groups(groups, now_us, None)
    }

    fn tell_groups(
        &mut self,
        mut groups: Vec<u64>,
        now_us: i64,
        gap_us: Option<i64>,
    ) -> Vec<Effect> {
        groups.sort_unstable();
        let groups = groups.into_iter();
        groups
            .filter_map(|group| self.tell_group(group, now_us, gap_us))
            .flat_map(|(told, _)| told)
            .collect()
    }

    // Apart, so that a leg without such events costs nothing.
    #[inline(never)]
    fn tell_group(
        &mut self,
        group: u64,
        now_us: i64,
        gap_us: Option<i64>,
    ) -> Option<(Vec<Effect>, Divided)> {
        if self.live.has_gap {
            return None;
        }
        let divided = self.divide(group, now_us, Due::AtEvent);
        let calls: Vec<LiveCall> = (0..divided.calls.len())
            .filter_map(|call| self.live_call(&divided, call))
            .collect();
        let mut effects = Vec::new();
        for live in calls {
            effects.extend(self.tell_call(&live, now_us, gap_us));
        }
        Some((effects, divided))
    }

    fn tell_call(&mut self, live: &LiveCall, now_us: i64, gap_us: Option<i64>) -> Vec<Effect> {
        let Some(first) = live.call.parties().next() else {
            return Vec::new();
        };
        let all = gathered(live);
        if all.told.is_none() && !self.is_flow_known(live, first) {
            return Vec::new();
        }
        let flow = self
            .tenants
            .of_call(&live.call)
            .flow
            .unwrap_or(DEFAULT_FLOW);
        let choices = Arc::clone(&self.live.choices);
        let Some(wanted) = choices.of(flow) else {
            return Vec::new();
        };
        let began_unseen = all.told.is_none() && first.numbers.source != NumberSource::Create;
        let gap_us = gap_us.filter(|_| all.told.is_some() || began_unseen);
        let gap_us = gap_us.or_else(|| began_unseen.then_some(now_us));
        let carrier = all.carrier.unwrap_or_else(|| first.uuid.clone());
        let joins = !all.others.is_empty();
        let before = all.told.clone();
        let Change { told, events } = live_events::advance(live, all.told, wanted, (gap_us, false));
        let mut effects: Vec<Effect> = Vec::new();
        for (leg, other) in all.others {
            let end = joined_end(&leg, now_us, &told.call);
            let end = Some(end).filter(|end| wanted.contains(&end.kind));
            effects.extend(self.end_joined(live, &leg, other, end));
        }
        effects.extend(tell_of(live, &told, events));
        if joins || before.as_ref() != Some(&told) {
            effects.extend(self.keep_told(&carrier, told));
        }
        effects
    }

    /// Tells the end of a call that another one took up.
    fn end_joined(
        &mut self,
        live: &LiveCall,
        leg: &str,
        mut told: Told,
        end: Option<Occurrence>,
    ) -> Vec<Effect> {
        told.ended = true;
        let end = end.into_iter().collect();
        let mut effects: Vec<Effect> = tell_of(live, &told, end).into_iter().collect();
        effects.extend(self.keep_told(leg, told));
        effects
    }

    fn keep_told(&mut self, carrier: &str, told: Told) -> Option<Effect> {
        let uuid = self.current_uuid(carrier).to_owned();
        let leg = &mut self.legs.get_mut(&uuid)?.leg;
        leg.live.get_or_insert_default().told = Some(Box::new(told));
        Some(Effect::Store(uuid))
    }

    /// Returns whether the call's flow is known: a leg or a route names it, or the first leg has
    /// run in the dialplan without naming one.
    fn is_flow_known(&mut self, live: &LiveCall, first: &Leg) -> bool {
        let named = self.tenants.of_call(&live.call).flow.is_some();
        let ran = first.live.as_ref().is_some_and(|marks| marks.ran);
        if named || ran {
            return true;
        }
        let needed = live.call.legs.len() > 1 && self.live.questions.len() < MAX_QUESTIONS;
        if needed && first.ended_us.is_none() {
            self.live.questions.insert(first.uuid.clone());
        }
        false
    }

    /// Returns a call of a group as it is while it lives; `None` if another ledger has it.
    fn live_call(&self, divided: &Divided, call: usize) -> Option<LiveCall> {
        let owned = divided.calls.get(call)?;
        let entries = owned
            .legs
            .iter()
            .filter_map(|leg| self.entry(divided, *leg));
        let entries: Vec<_> = entries.collect();
        if entries.iter().any(|entry| entry.is_lent) {
            return None;
        }
        let legs: Vec<Leg> = entries.iter().map(|entry| entry.leg.clone()).collect();
        let parts = if owned.is_agents {
            &[][..]
        } else {
            &owned.parts
        };
        let own: HashSet<usize> = owned.legs.iter().copied().collect();
        let given = self.given(divided, &own);
        let given = given
            .iter()
            .filter_map(|(leg, part)| Some((self.leg_at(divided, *leg)?, part)));
        let given = given.flat_map(|(leg, part)| {
            let recordings = leg.recordings.iter().filter(|one| is_of(one, part));
            recordings.map(|one| one.path.clone())
        });
        let mut finished = FinishedCall::with_parts(legs, self.parts(divided, owned), &|_, _| true);
        finished.heritage = self.heritage(divided, owned);
        Some(LiveCall {
            given: given.collect(),
            parts: parts
                .iter()
                .filter_map(|part| self.live_part(divided, part))
                .collect(),
            call: finished,
        })
    }

    fn live_part(&self, divided: &Divided, part: &TakesPart) -> Option<LivePart> {
        let leg = self.leg_at(divided, part.leg)?;
        let with = self.leg_at(divided, part.with)?;
        let recordings = leg.recordings.iter().filter(|one| is_of(one, part));
        let marks = leg.live.as_deref();
        Some(LivePart {
            uuid: leg.uuid.clone(),
            with: with.uuid.clone(),
            from_us: part.from_us,
            until_us: part.until_us,
            is_agents: !is_customers(self, divided, part.leg),
            referred: marks.is_some_and(|marks| marks.referred),
            hung_up: leg.remote_hangup() == Some(true),
            transfer: marks.and_then(|marks| marks.transfer.clone()),
            recordings: recordings.cloned().collect(),
        })
    }
}

/// Returns whether a leg is the first one of a customer's own call.
fn is_customers(ledger: &Ledger, divided: &Divided, leg: usize) -> bool {
    let has = |call: &&OwnedCall| call.legs.contains(&leg);
    let Some(call) = divided
        .calls
        .iter()
        .find(has)
        .filter(|call| !call.is_agents)
    else {
        return false;
    };
    let created = |leg: usize| ledger.leg_at(divided, leg).and_then(|leg| leg.created_us);
    let first = call.legs.iter().min_by_key(|leg| created(**leg));
    let made = |leg: &Leg| leg.maker().is_some();
    first == Some(&leg) && !ledger.leg_at(divided, leg).is_some_and(made)
}

fn tell_of(live: &LiveCall, told: &Told, events: Vec<Occurrence>) -> Option<Effect> {
    (!events.is_empty()).then(|| {
        Effect::Tell(Box::new(LiveEvents {
            call: live.call.clone(),
            id: told.call.clone(),
            created_us: told.created_us,
            events,
        }))
    })
}
