//! What a call that is over still owes.

use std::collections::BTreeSet;

use super::changes::{Change, advance};
use super::kind::EventKind;
use super::told::gathered;
use super::{LiveCall, LiveEvents, Occurrence};
use crate::finished_call::FinishedCall;
use crate::leg::{Leg, Phase, Told};

/// Returns what was not told of a call that is over, of the kinds that are `wanted`.
#[must_use]
pub fn last(call: &FinishedCall, wanted: &BTreeSet<EventKind>) -> Vec<LiveEvents> {
    let live = LiveCall {
        call: call.clone(),
        parts: Vec::new(),
        given: BTreeSet::new(),
    };
    let all = gathered(&live);
    // What a record or the list of channels told is no event: only the end is. What a leg did in a
    // gap is not known either, if the call ended before its state was told.
    let unseen = |leg: &Leg| leg.phase < Phase::Down || leg.had_gap();
    let unseen = call.legs.iter().any(unseen);
    let gap_us = (unseen || !call.unseen.is_empty()).then_some(0);
    let Change { told, events } = advance(&live, all.told, wanted, (gap_us, true));
    let joined = all.others.into_iter().map(|(leg, other)| {
        let end = joined_end(&leg, call.ended_us().unwrap_or(0), &told.call);
        (other, vec![end])
    });
    let joined = joined.filter(|_| wanted.contains(&EventKind::Ended));
    let mut owed: Vec<(Told, Vec<Occurrence>)> = joined.collect();
    owed.push((told, events));
    let owed = owed.into_iter().filter(|(_, events)| !events.is_empty());
    owed.map(|(told, events)| LiveEvents {
        call: call.clone(),
        id: told.call,
        created_us: told.created_us,
        events,
    })
    .collect()
}

/// Returns the end of a call that another one took up.
pub(crate) fn joined_end(leg: &str, at_us: i64, joined: &str) -> Occurrence {
    Occurrence {
        kind: EventKind::Ended,
        at_us,
        leg: leg.to_owned(),
        joined: Some(joined.to_owned()),
        fact: EventKind::Ended.as_str().to_owned(),
        ..Occurrence::default()
    }
}
