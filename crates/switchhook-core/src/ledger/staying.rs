//! Marks the legs that stay when calls of their group are taken out: what they did in these calls is
//! not learnt again.

use std::collections::HashSet;

use super::divided::Divided;
use super::ownership::{OwnedCall, TakesPart};
use super::parts::{is_of, note_holds};
use super::{Effect, Ledger};
use crate::leg::{Heritage, Leg};
use crate::part::Part;
use crate::recording::Recording;

impl Ledger {
    /// Returns what the call's first leg has from the agent's leg that made it.
    pub(super) fn heritage(&self, divided: &Divided, call: &OwnedCall) -> Option<Heritage> {
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

    /// Marks the legs that stay after these calls are taken out, and returns what to store.
    pub(super) fn mark_those_who_stay(&mut self, divided: &Divided, over: &[usize]) -> Vec<Effect> {
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
        let with = divided.uuids.get(taken.with)?;
        let leg = &mut self.legs.get_mut(uuid)?.leg;
        // The talk may be known from the leg that leaves.
        leg.add_talk(with.clone(), taken.from_us, taken.until_us);
        if taken.serves {
            leg.went_on = true;
            let of_the_call = |one: &&mut Recording| is_of(one, taken) && one.is_closed();
            leg.recordings
                .iter_mut()
                .filter(of_the_call)
                .for_each(|one| one.given = true);
            note_holds(&mut leg.recordings, taken);
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
}

fn heritage_of(maker: &Leg) -> Heritage {
    let inherited = maker.heritage.clone().unwrap_or_default();
    Heritage {
        flow: maker.flow.name.clone().or(inherited.flow),
        account: maker.flow.account.clone().or(inherited.account),
    }
}
