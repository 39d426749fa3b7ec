//! What a call keeps of legs of other calls that took part in it, and which recordings are whose.

use std::collections::HashSet;

use super::Ledger;
use super::divided::Divided;
use super::ownership::{OwnedCall, TakesPart};
use crate::finished_call::FinishedCall;
use crate::leg::Leg;
use crate::part::Part;
use crate::recording::Recording;
use crate::tenants::Tenants;

impl Ledger {
    /// Returns whether a recording of the call goes on, on a leg that takes part in it.
    pub(super) fn records(&self, divided: &Divided, part: &TakesPart) -> bool {
        let leg = self.leg_at(divided, part.leg);
        let mut recordings = leg.into_iter().flat_map(|leg| &leg.recordings);
        recordings.any(|one| !one.is_closed() && is_of(one, part))
    }

    /// Returns whether a recording whose start was missed may belong to the call that was served in
    /// the talk.
    pub(super) fn may_be_of(&self, divided: &Divided, part: &TakesPart) -> bool {
        let leg = self.leg_at(divided, part.leg).filter(|_| part.serves);
        let mut recordings = leg.into_iter().flat_map(|leg| &leg.recordings);
        recordings.any(|one| one.started_us.is_none() && holds(one, part))
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
            .filter(|one| is_of(one, taken) && one.is_closed());
        part.recordings = recordings.cloned().collect();
        Some(part)
    }
}

/// Returns whether a recording belongs to the call that was served in the talk: it began within the
/// talk, and holds no other call's. One that ended in the tick in which the next talk began may hold
/// some of it: the switch's events of one tick (20 ms) have one time.
pub(super) fn is_of(recording: &Recording, part: &TakesPart) -> bool {
    let began = recording.started_us.is_some_and(|began| {
        began >= part.from_us && part.until_us.is_none_or(|until| began <= until)
    });
    let alone = part.next_us.is_none_or(|next| {
        let end = recording.end_us();
        end.is_some_and(|end| end < next)
    });
    part.serves && !part.foreign && began && alone && recording.holds.is_empty()
}

/// Notes on the recordings of a leg whose talk they hold: that of a call which does not have them.
pub(super) fn note_holds(recordings: &mut [Recording], part: &TakesPart) {
    let of_others = recordings
        .iter_mut()
        .filter(|one| one.conference.is_none() && !one.given && holds(one, part));
    of_others.for_each(|one| {
        one.holds.insert(part.account.clone());
    });
}

/// Returns whether some of the talk may be on the recording.
fn holds(recording: &Recording, part: &TakesPart) -> bool {
    let began = recording.started_us;
    let before_its_end = began
        .zip(part.until_us)
        .is_none_or(|(began, until)| began < until);
    before_its_end && recording.end_us().is_none_or(|end| end >= part.from_us)
}

/// Takes the recordings out of a call that hold talks of calls of another account, or may hold them
/// because a talk of their leg was missed.
pub(super) fn withhold_recordings(call: &mut FinishedCall, tenants: &Tenants) {
    let doubtful = |leg: &Leg| leg.talks_unknown && !tenants.accounts.is_empty();
    let mut recordings = call.legs.iter().flat_map(|leg| &leg.recordings);
    if recordings.all(|one| one.holds.is_empty()) && !call.legs.iter().any(doubtful) {
        return;
    }
    let account = tenants.of_call(call).account.unwrap_or_default().to_owned();
    let strange = |one: &Recording| one.holds.iter().any(|holds| *holds != account);
    for leg in &mut call.legs {
        let doubtful = doubtful(leg);
        let withheld = leg
            .recordings
            .extract_if(.., |one| doubtful || strange(one));
        call.withheld.extend(withheld.map(|one| one.path));
    }
}
