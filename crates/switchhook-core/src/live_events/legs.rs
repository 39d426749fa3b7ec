//! What happens to one leg: it rings, answers, holds, is recorded, asks a webhook, ends.

use super::changes::Teller;
use super::present::{LiveTalk, Party};
use super::{EventKind, Occurrence};
use crate::leg::{Direction, Leg};
use crate::recording::Recording;

impl Teller<'_> {
    pub(super) fn legs(&mut self, parties: &[Party<'_>], talks: &[LiveTalk]) {
        for (place, party) in parties.iter().enumerate() {
            self.answer(party.leg);
            self.hold(party.leg, talks);
            self.lookups(party.leg);
            if party.is_agents {
                self.conference(party.leg, parties);
            }
            if party.is_agents && place > 0 {
                self.missed(party.leg);
            }
        }
        for leg in &self.live.call.legs {
            self.recordings(&leg.uuid, &leg.recordings, leg.ended_us, talks);
        }
        for part in &self.live.parts {
            self.recordings(&part.uuid, &part.recordings, part.until_us, talks);
        }
    }

    fn answer(&mut self, leg: &Leg) {
        let marks = leg.live.as_deref();
        let dialled = leg.direction == Direction::Outbound;
        let ringing_us = marks.and_then(|marks| marks.ringing_us);
        if let Some(at_us) = ringing_us.filter(|_| dialled && !self.leg(&leg.uuid).ringing) {
            self.leg(&leg.uuid).ringing = true;
            self.tell(Occurrence::new(EventKind::Ringing, at_us, &leg.uuid));
        }
        if let Some(at_us) = leg.answered_us.filter(|_| !self.leg(&leg.uuid).answered) {
            self.leg(&leg.uuid).answered = true;
            self.tell(Occurrence::new(EventKind::Answered, at_us, &leg.uuid));
        }
    }

    fn hold(&mut self, leg: &Leg, talks: &[LiveTalk]) {
        let hold = leg.live.as_ref().and_then(|marks| marks.hold);
        let told = self.leg(&leg.uuid).hold;
        let Some(hold) = hold.filter(|hold| told != Some(*hold)) else {
            return;
        };
        self.leg(&leg.uuid).hold = Some(hold);
        let at = |kind, at_us| Occurrence {
            other: partner(talks, &leg.uuid, at_us),
            ..Occurrence::new(kind, at_us, &leg.uuid)
        };
        if told.is_none_or(|told| told.from_us != hold.from_us) {
            self.tell(at(EventKind::Held, hold.from_us));
        }
        // A leg that ends on hold does not talk again.
        let resumed = hold.until_us.filter(|_| leg.ended_us.is_none());
        if let Some(until_us) = resumed {
            self.tell(at(EventKind::Resumed, until_us));
        }
    }

    fn lookups(&mut self, leg: &Leg) {
        let marks = leg.live.as_deref();
        let all = marks.map_or(&[][..], |marks| &marks.lookups);
        let told = self.leg(&leg.uuid).lookups;
        for lookup in all.iter().skip(told) {
            self.tell(Occurrence {
                lookup: Some(lookup.clone()),
                ..Occurrence::new(EventKind::Lookup, lookup.at_us, &leg.uuid)
            });
        }
        self.leg(&leg.uuid).lookups = all.len().max(told);
    }

    /// An agent's leg is in a conference with the customer, or no longer.
    fn conference(&mut self, leg: &Leg, parties: &[Party<'_>]) {
        let customers = parties.iter().filter(|party| !party.is_agents);
        let customer = customers
            .clone()
            .find(|party| leg.conference.is_some() && party.leg.conference == leg.conference);
        let confers = customer.is_some() && leg.ended_us.is_none();
        if confers == self.leg(&leg.uuid).confers {
            return;
        }
        let came = |leg: &Leg| leg.live.as_ref().and_then(|marks| marks.conference_us);
        let at_us = match customer.filter(|_| confers) {
            Some(customer) => came(leg).max(came(customer.leg)),
            None if leg.conference.is_some() => {
                customers.filter_map(|party| left_us(party.leg)).max()
            }
            None => left_us(leg),
        };
        let kind = if confers {
            EventKind::AgentJoined
        } else {
            EventKind::AgentLeft
        };
        let told = self.leg(&leg.uuid);
        told.confers = confers;
        told.met = true;
        if let Some(at_us) = at_us {
            self.tell(Occurrence {
                other: customer.map(|customer| customer.leg.uuid.clone()),
                ..Occurrence::new(kind, at_us, &leg.uuid)
            });
        }
    }

    /// An agent's leg ended that never came to the customer.
    fn missed(&mut self, leg: &Leg) {
        if leg.has_ended()
            && let Some(at_us) = leg.ended_us.filter(|_| !self.leg(&leg.uuid).met)
        {
            self.leg(&leg.uuid).met = true;
            self.tell(Occurrence::new(EventKind::AgentLeft, at_us, &leg.uuid));
        }
    }

    fn recordings(
        &mut self,
        uuid: &str,
        recordings: &[Recording],
        ended_us: Option<i64>,
        talks: &[LiveTalk],
    ) {
        let own = recordings.iter().filter(|one| !one.given);
        for one in own.filter(|one| !self.live.given.contains(&one.path)) {
            let known = self.leg(uuid).recordings.get(&one.path).copied();
            let (started, stopped) = known.unwrap_or_default();
            let again = known.is_none() || one.started > started;
            let at = |kind, at_us| Occurrence {
                other: partner(talks, uuid, at_us),
                recording: Some(one.path.clone()),
                ..Occurrence::new(kind, at_us, uuid)
            };
            if let Some(at_us) = one.started_us.filter(|_| again) {
                self.tell(at(EventKind::RecordingStarted, at_us));
            }
            let ends = one.is_closed() && (again || !stopped);
            if let Some(at_us) = one.end_us().or(ended_us).filter(|_| ends) {
                self.tell(at(EventKind::RecordingStopped, at_us));
            }
            let now = (one.started, one.is_closed());
            self.leg(uuid).recordings.insert(one.path.clone(), now);
        }
    }
}

/// Returns when a leg left its conference.
fn left_us(leg: &Leg) -> Option<i64> {
    let left_us = leg.live.as_ref().and_then(|marks| marks.left_us);
    left_us.or(leg.ended_us)
}

/// Returns whom a leg talked with at a time.
fn partner(talks: &[LiveTalk], uuid: &str, at_us: i64) -> Option<String> {
    let began = talks.iter().filter(|talk| talk.from_us <= at_us);
    let mut own = began.filter_map(|talk| Some((talk, talk.other(uuid)?)));
    let (talk, other) = own.next_back()?;
    let goes_on = talk.until_us.is_none_or(|until| until >= at_us);
    goes_on.then(|| other.to_owned())
}
