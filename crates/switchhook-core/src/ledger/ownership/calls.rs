//! The calls, once it is decided which legs belong together: their legs, and what took part in them.

use super::talks::Conversation;
use super::{OwnedCall, Rule, TakesPart};
use crate::leg::Phase;

impl Rule<'_> {
    pub(super) fn calls(&self) -> Vec<OwnedCall> {
        let mut places: Vec<Option<usize>> = vec![None; self.legs.len()];
        let mut calls: Vec<OwnedCall> = Vec::new();
        for leg in 0..self.legs.len() {
            let group = self.kin.group(leg);
            let place = *places[group].get_or_insert_with(|| {
                calls.push(OwnedCall::default());
                calls.len() - 1
            });
            let call = &mut calls[place];
            call.legs.push(leg);
            call.is_open |= self.open[leg] || self.kin.is_unsure(leg);
            call.is_agents |= self.serves[leg];
            call.lacks_talks |= self.gaps[leg];
        }
        for (leg, with, may_come) in self.unexplained() {
            for leg in [leg, with] {
                let place = places[self.kin.group(leg)];
                if let Some(call) = place.and_then(|place| calls.get_mut(place)) {
                    call.is_open |= may_come;
                    call.lacks_talks |= !may_come;
                }
            }
        }
        self.mark_gaps(&places, &mut calls);
        for talk in &self.conversations {
            for (leg, with) in [(talk.a, talk.b), (talk.b, talk.a)] {
                let place = places[self.kin.group(with)];
                let call = place.and_then(|place| calls.get_mut(place));
                if let Some(call) = call.filter(|call| !call.is_agents) {
                    self.add_part(call, talk, leg, with);
                }
            }
        }
        calls
    }

    /// Returns the legs of different calls of which one names the other and whose talk was not seen,
    /// and whether its event, on the other's channel, may still come. If it does not, it was lost.
    fn unexplained(&self) -> Vec<(usize, usize, bool)> {
        let mut found = Vec::new();
        for (leg, own) in self.legs.iter().enumerate() {
            let linked = own
                .links
                .iter()
                .filter_map(|link| self.places.get(link.as_str()).copied());
            for other in linked.filter(|other| self.kin.group(*other) != self.kin.group(leg)) {
                let pair = [(leg, other), (other, leg)];
                let made = pair
                    .iter()
                    .any(|(one, by)| self.kin.agent_that_made(*one) == Some(*by));
                let talked = self
                    .conversations
                    .iter()
                    .any(|talk| pair.contains(&(talk.a, talk.b)));
                if !made && !talked {
                    let may_come = self.legs[other].phase == Phase::Up && !(self.waited)(leg);
                    found.push((leg, other, may_come));
                }
            }
        }
        found
    }

    /// After a gap it is not certain which legs talked: marks the calls that other calls' legs
    /// know.
    fn mark_gaps(&self, places: &[Option<usize>], calls: &mut [OwnedCall]) {
        if calls.len() < 2 || !self.legs.iter().any(|leg| leg.had_gap()) {
            return;
        }
        for talk in &self.conversations {
            let groups = [talk.a, talk.b].map(|leg| self.kin.group(leg));
            if groups[0] == groups[1] {
                continue;
            }
            for place in groups.into_iter().filter_map(|group| places[group]) {
                if let Some(call) = calls.get_mut(place) {
                    call.lacks_talks = true;
                }
            }
        }
    }

    /// Adds what `leg` did in the call of `with`.
    fn add_part(&self, call: &mut OwnedCall, talk: &Conversation, leg: usize, with: usize) {
        if self.kin.group(leg) == self.kin.group(with) || self.serves(with, leg) {
            return;
        }
        if talk.assumed {
            call.lacks_talks = true;
            call.may_have_talked.push(leg);
            return;
        }
        call.parts.push(TakesPart {
            leg,
            with,
            from_us: talk.from_us,
            until_us: talk.until_us,
            next_us: self.next_talk(talk, leg, with),
            account: self.kin.account_of_document(self.kin.group(with)),
            serves: self.serves(leg, with),
            foreign: !self
                .kin
                .same_account(self.kin.group(leg), self.kin.group(with)),
        });
    }

    /// Returns when `leg` began to talk with a leg of another call than that of `with`, after `talk`.
    fn next_talk(&self, talk: &Conversation, leg: usize, with: usize) -> Option<i64> {
        let later = self.conversations.iter().filter(|next| {
            let other = match [next.a, next.b] {
                [one, other] if one == leg => other,
                [other, one] if one == leg => other,
                _ => return false,
            };
            let elsewhere = self.kin.group(other) != self.kin.group(with);
            elsewhere && next.from_us > talk.from_us && !next.assumed
        });
        later.map(|next| next.from_us).min()
    }

    /// Returns whether `leg` serves the customer that `with` is of.
    fn serves(&self, leg: usize, with: usize) -> bool {
        let role = |leg| self.kin.role(self.kin.group(leg));
        match role(leg).cmp(&role(with)) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => !self.kin.is_root(leg) && self.kin.is_root(with),
        }
    }
}
