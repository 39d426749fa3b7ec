//! The difference between what was told of a call and what is.

use std::collections::{BTreeMap, BTreeSet};

use super::{EventKind, LiveCall, Occurrence};
use crate::details;
use crate::leg::{Leg, Told, ToldLeg};
use crate::stable_hash::fnv1a;

/// What has to be told of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Change {
    /// What was told once this is.
    pub told: Told,
    /// What is to be told now.
    pub events: Vec<Occurrence>,
}

/// Collects what is to be told.
pub(super) struct Teller<'a> {
    pub(super) live: &'a LiveCall,
    pub(super) told: Told,
    events: Vec<Occurrence>,
}

/// Returns what has happened in a call since `told`. After a gap that ended at `gap_us`, one
/// event with the state as it is now stands for all that was missed. A call that is over
/// (`is_over`) has ended, whatever is known of its legs. Kinds that are not `wanted` are left out.
pub(crate) fn advance(
    live: &LiveCall,
    told: Option<Told>,
    wanted: &BTreeSet<EventKind>,
    (gap_us, is_over): (Option<i64>, bool),
) -> Change {
    let is_new = told.is_none();
    let told = told.unwrap_or_else(|| Told {
        call: live.call.id.clone(),
        created_us: live.call.created_us(),
        ..Told::default()
    });
    if told.ended {
        return Change {
            told,
            events: Vec::new(),
        };
    }
    let mut teller = Teller {
        live,
        told,
        events: Vec::new(),
    };
    teller.call(is_new, is_over);
    if let Some(at_us) = gap_us {
        teller.resync(at_us, wanted);
    }
    teller.finish(wanted)
}

impl Teller<'_> {
    /// Returns what was told of a leg.
    pub(super) fn leg(&mut self, uuid: &str) -> &mut ToldLeg {
        self.told.legs.entry(uuid.to_owned()).or_default()
    }

    pub(super) fn tell(&mut self, event: Occurrence) {
        self.events.push(event);
    }

    fn call(&mut self, is_new: bool, is_over: bool) {
        let parties = self.live.parties();
        let Some(first) = parties.first().map(|party| party.leg) else {
            return;
        };
        if is_new {
            let began_us = first.created_us.unwrap_or(0);
            self.tell(Occurrence::new(EventKind::Started, began_us, &first.uuid));
        }
        let talks = self.live.talks();
        self.talks(&parties, &talks);
        self.legs(&parties, &talks);
        let legs = &self.live.call.legs;
        if is_over || legs.iter().all(|leg| leg.has_ended()) {
            let known = |leg: &Leg| leg.ended_us.or(leg.answered_us).or(leg.created_us);
            let ended_us = legs.iter().filter_map(known).max();
            self.told.ended = true;
            let at_us = ended_us.unwrap_or(0);
            self.tell(Occurrence::new(EventKind::Ended, at_us, &first.uuid));
        }
    }

    /// Puts the state as it is now in the place of what was missed.
    fn resync(&mut self, at_us: i64, wanted: &BTreeSet<EventKind>) {
        let is_end = |event: &Occurrence| event.kind == EventKind::Ended;
        if let Some(end) = self.events.iter().position(is_end) {
            self.events.swap(0, end);
            self.events.truncate(1);
            return;
        }
        let talks = self.live.talks().into_iter();
        let open = talks.filter(|talk| talk.until_us.is_none());
        let first = self.live.call.parties().next();
        let first = first.map_or("", |leg| leg.uuid.as_str());
        let mut missed = std::mem::take(&mut self.events);
        missed.retain(|event| wanted.contains(&event.kind));
        missed.iter_mut().for_each(Occurrence::name);
        self.tell(Occurrence {
            talks: open.map(|talk| (talk.leg, talk.with)).collect(),
            instead_of: Some(missed.into_iter().map(|event| event.fact).collect()),
            ..Occurrence::new(EventKind::Resynced, at_us, first)
        });
    }

    fn finish(mut self, wanted: &BTreeSet<EventKind>) -> Change {
        let is_wanted = |kind| kind == EventKind::Resynced || wanted.contains(&kind);
        self.events.retain(|event| is_wanted(event.kind));
        self.events.sort_by_key(Occurrence::order);
        self.events.iter_mut().for_each(Occurrence::name);
        if let Some(first) = self.events.first_mut() {
            let keys = hashes(self.live);
            let new = keys
                .iter()
                .filter(|(name, hash)| self.told.keys.get(*name) != Some(hash));
            first.keys = new.map(|(name, _)| name.clone()).collect();
            self.told.keys = keys;
        }
        Change {
            told: self.told,
            events: self.events,
        }
    }
}

fn hashes(live: &LiveCall) -> BTreeMap<String, u64> {
    let keys = details::flow_keys(&live.call).into_iter();
    keys.map(|(name, value)| (name, fnv1a(value.to_string().as_bytes())))
        .collect()
}

impl Occurrence {
    /// Returns an occurrence that happened to a leg.
    pub(super) fn new(kind: EventKind, at_us: i64, leg: &str) -> Self {
        Self {
            kind,
            at_us,
            leg: leg.to_owned(),
            ..Self::default()
        }
    }

    /// Gives the occurrence its name in the call.
    fn name(&mut self) {
        let (word, leg, at_us) = (self.kind.as_str(), &self.leg, self.at_us);
        let lookup = self.lookup.as_ref().map(|lookup| lookup.webhook.as_str());
        let of = self.recording.as_deref().or(lookup).unwrap_or_default();
        self.fact = if matches!(self.kind, EventKind::Started | EventKind::Ended) {
            word.to_owned()
        } else {
            format!("{word} {leg} {at_us} {of}")
        };
    }

    /// Orders what happened: by time, and in one tick of the switch by what leads to what.
    fn order(&self) -> (u8, i64, u8) {
        let (part, rank) = match self.kind {
            EventKind::Started => (0, 0),
            EventKind::Ringing => (1, 1),
            EventKind::Answered => (1, 2),
            EventKind::Bridged => (1, 4),
            EventKind::AgentJoined => (1, 5),
            EventKind::Transferred => (1, 6),
            EventKind::Held => (1, 7),
            EventKind::Resumed => (1, 8),
            EventKind::RecordingStarted => (1, 9),
            EventKind::RecordingStopped => (1, 10),
            EventKind::Lookup => (1, 11),
            EventKind::AgentLeft => (1, 3),
            EventKind::Resynced => (1, 12),
            EventKind::Ended => (2, 0),
        };
        (part, self.at_us, rank)
    }
}
