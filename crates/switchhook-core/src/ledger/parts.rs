//! What a call keeps of legs of other calls that took part in it, and which recordings are whose.

use std::collections::HashSet;

use super::Ledger;
use super::divided::Divided;
use super::ownership::{OwnedCall, TakesPart};
use crate::leg::Leg;
use crate::part::Part;
use crate::recording::Recording;

impl Ledger {
    /// Returns whether a recording of the call goes on, on a leg that takes part in it.
    pub(super) fn records(&self, divided: &Divided, part: &TakesPart) -> bool {
        let Some(entry) = self.entry(divided, part.leg) else {
            return false;
        };
        let mut recordings = entry.leg.recordings.iter();
        recordings.any(|one| !one.is_closed() && is_of(one, part)) && !talks_on(&entry.leg, part)
    }

    /// Returns the talks of the call's legs in which they served another call.
    pub(super) fn given(&self, divided: &Divided, own: &HashSet<usize>) -> Vec<(usize, TakesPart)> {
        let all = divided.calls.iter().flat_map(|call| &call.parts);
        let served = all.filter(|part| part.serves && own.contains(&part.leg));
        served.map(|part| (part.leg, part.clone())).collect()
    }

    /// Returns what the call keeps of the legs that took part in it.
    pub(super) fn parts(&self, divided: &Divided, call: &OwnedCall) -> Vec<Part> {
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

    pub(super) fn part(&self, divided: &Divided, taken: &TakesPart) -> Option<Part> {
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
}

/// Returns whether a recording began within the talk.
pub(super) fn is_of(recording: &Recording, part: &TakesPart) -> bool {
    let began = recording.started_us;
    began.is_some_and(|began| {
        began >= part.from_us && part.until_us.is_none_or(|until| began <= until)
    })
}

/// Returns whether the leg talks with another leg after that talk.
fn talks_on(leg: &Leg, part: &TakesPart) -> bool {
    leg.talks.iter().any(|talk| talk.from_us > part.from_us)
}
