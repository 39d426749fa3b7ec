//! Who talks with whom in a living call.

use super::{LiveCall, LivePart};
use crate::details;
use crate::leg::Leg;

/// A talk of two parties of the call, or of one with a leg that takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LiveTalk {
    /// The older leg; of a talk with a leg that takes part, the call's.
    pub leg: String,
    /// The other one.
    pub with: String,
    /// The beginning, µs since 1970.
    pub from_us: i64,
    /// The end; `None` while they talk.
    pub until_us: Option<i64>,
}

impl LiveTalk {
    /// Returns the other leg of the talk, if it is one of this leg.
    pub(super) fn other(&self, uuid: &str) -> Option<&str> {
        match (self.leg == uuid, self.with == uuid) {
            (true, _) => Some(&self.with),
            (false, true) => Some(&self.leg),
            (false, false) => None,
        }
    }
}

/// A party of the call.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    /// Its leg.
    pub leg: &'a Leg,
    /// It is an agent's.
    pub is_agents: bool,
}

impl LiveCall {
    /// Returns the parties in order of start.
    pub(super) fn parties(&self) -> Vec<Party<'_>> {
        let named = details::parts(&self.call);
        let legs = self.call.parties().zip(named);
        legs.map(|(leg, (_, word))| Party {
            leg,
            is_agents: word.eq_ignore_ascii_case("AGENT"),
        })
        .collect()
    }

    /// Returns the leg that takes part with this Unique-ID.
    pub(super) fn part(&self, uuid: &str) -> Option<&LivePart> {
        self.parts.iter().find(|part| part.uuid == uuid)
    }

    /// Returns the leg with this Unique-ID, also an earlier one.
    pub(super) fn leg(&self, uuid: &str) -> Option<&Leg> {
        let has = |leg: &&Leg| leg.uuid == uuid || leg.former_uuids.iter().any(|one| one == uuid);
        self.call.legs.iter().find(has)
    }

    /// Returns all talks in order of their beginning. The switch reports a talk for one of its legs.
    pub(super) fn talks(&self) -> Vec<LiveTalk> {
        let mut talks: Vec<LiveTalk> = Vec::new();
        let parties: Vec<&Leg> = self.call.parties().collect();
        let place = |uuid: &str| parties.iter().position(|leg| leg.uuid == uuid);
        for leg in &self.call.legs {
            for talk in &leg.talks {
                let ends = [
                    self.party(&leg.uuid, &talk.with),
                    self.party(&talk.with, &leg.uuid),
                ];
                let [Some(one), Some(other)] = ends else {
                    continue;
                };
                let [Some(first), Some(second)] = [place(&one), place(&other)] else {
                    continue;
                };
                if first != second {
                    let (leg, with) = if first < second {
                        (one, other)
                    } else {
                        (other, one)
                    };
                    talks.push(LiveTalk {
                        leg,
                        with,
                        from_us: talk.from_us,
                        until_us: talk.until_us,
                    });
                }
            }
        }
        talks.extend(self.parts.iter().map(|part| LiveTalk {
            leg: part.with.clone(),
            with: part.uuid.clone(),
            from_us: part.from_us,
            until_us: part.until_us,
        }));
        talks.sort_by(|one, other| {
            (one.from_us, &one.leg, &one.with).cmp(&(other.from_us, &other.leg, &other.with))
        });
        talks.dedup_by(|one, other| {
            (one.from_us, &one.leg, &one.with) == (other.from_us, &other.leg, &other.with)
        });
        self.end(&mut talks);
        talks
    }

    /// A talk ends at the latest when one of its legs does, or begins to talk with another.
    fn end(&self, talks: &mut [LiveTalk]) {
        for index in 0..talks.len() {
            let Some(talk) = talks.get(index) else {
                continue;
            };
            let legs = [&talk.leg, &talk.with];
            let ended = legs.iter().filter_map(|uuid| self.leg(uuid)?.ended_us);
            let next = talks.iter().filter(|next| next.from_us > talk.from_us);
            let next = next.filter(|next| legs.iter().any(|leg| next.other(leg).is_some()));
            let ends = ended
                .chain(next.map(|next| next.from_us))
                .chain(talk.until_us);
            let until_us = ends.min().map(|end| end.max(talk.from_us));
            if let Some(talk) = talks.get_mut(index) {
                talk.until_us = until_us;
            }
        }
    }

    /// Returns the party that stands for a leg: behind a loopback channel, which talks with `from`,
    /// the party at the other end of its pair.
    fn party(&self, uuid: &str, from: &str) -> Option<String> {
        let mut leg = self.leg(uuid)?;
        let mut from = from.to_owned();
        for _ in 0..4 {
            let real = self.call.parties().any(|party| party.uuid == leg.uuid);
            if real {
                return Some(leg.uuid.clone());
            }
            let peer = self.leg(leg.loopback_peer.as_deref()?)?;
            let own = peer
                .talks
                .iter()
                .map(|talk| (talk.from_us, talk.with.as_str()));
            let others = self.call.legs.iter().flat_map(|other| {
                let talks = other.talks.iter().filter(|talk| talk.with == peer.uuid);
                talks.map(|talk| (talk.from_us, other.uuid.as_str()))
            });
            let (_, next) = own.chain(others).max()?;
            if next == from {
                return None;
            }
            from = peer.uuid.clone();
            leg = self.leg(next)?;
        }
        None
    }
}
