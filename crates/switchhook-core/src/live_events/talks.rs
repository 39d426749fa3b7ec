//! What happens between two legs: they talk, an agent comes and goes, a customer is given away.

use super::changes::Teller;
use super::present::{LiveTalk, Party};
use super::{EventKind, LivePart, Occurrence};
use crate::leg::{Leg, ToldTalk};

/// `transfer_source` has its time in seconds.
const SECOND_US: i64 = 1_000_000;

impl Teller<'_> {
    pub(super) fn talks(&mut self, parties: &[Party<'_>], talks: &[LiveTalk]) {
        for talk in talks {
            let pair = pair(talk);
            let told = self.told.talks.get(&pair).copied().unwrap_or_default();
            if told.from_us > talk.from_us {
                continue;
            }
            let mut now = ToldTalk {
                from_us: talk.from_us,
                ..told
            };
            let agent = self.agent_of(parties, talk);
            if told.from_us < talk.from_us {
                now = ToldTalk {
                    from_us: talk.from_us,
                    ..ToldTalk::default()
                };
                self.tell(Occurrence {
                    other: Some(talk.with.clone()),
                    ..Occurrence::new(EventKind::Bridged, talk.from_us, &talk.leg)
                });
                if self.live.part(&talk.with).is_some() {
                    // What it was before is another call's.
                    let told = self.leg(&talk.with);
                    (told.ringing, told.answered, told.met) = (true, true, true);
                }
                if let Some((agent, customer)) = &agent {
                    self.leg(agent).met = true;
                    self.tell(Occurrence {
                        other: Some(customer.clone()),
                        ..Occurrence::new(EventKind::AgentJoined, talk.from_us, agent)
                    });
                }
            }
            if !now.transferred
                && let Some((customer, from)) = self.transfer(parties, talks, talk)
            {
                now.transferred = true;
                let other = talk.other(&customer).map(str::to_owned);
                self.tell(Occurrence {
                    other,
                    from: Some(from),
                    ..Occurrence::new(EventKind::Transferred, talk.from_us, &customer)
                });
            }
            if let Some(until_us) = talk.until_us.filter(|_| !now.ended) {
                now.ended = true;
                if let Some((agent, customer)) = agent {
                    self.tell(Occurrence {
                        other: Some(customer),
                        ..Occurrence::new(EventKind::AgentLeft, until_us, &agent)
                    });
                }
            }
            self.told.talks.insert(pair, now);
        }
    }

    /// Returns the agent's leg and the customer's of a talk, if it is one between such two.
    fn agent_of(&self, parties: &[Party<'_>], talk: &LiveTalk) -> Option<(String, String)> {
        let is_agents = |uuid: &str| {
            let party = parties.iter().find(|party| party.leg.uuid == uuid);
            let part = || self.live.part(uuid).map(|part| part.is_agents);
            party.map(|party| party.is_agents).or_else(part)
        };
        match [&talk.leg, &talk.with].map(|uuid| is_agents(uuid)) {
            [Some(true), Some(false)] => Some((talk.leg.clone(), talk.with.clone())),
            [Some(false), Some(true)] => Some((talk.with.clone(), talk.leg.clone())),
            [Some(true), Some(true)] | [Some(false), Some(false)] | [None, _] | [_, None] => None,
        }
    }

    /// Returns the customer's leg of a talk that came by a transfer, and the leg that it talked with
    /// before.
    fn transfer(
        &self,
        parties: &[Party<'_>],
        talks: &[LiveTalk],
        talk: &LiveTalk,
    ) -> Option<(String, String)> {
        let customers = parties.iter().filter(|party| !party.is_agents);
        let mut customers = customers.map(|party| party.leg);
        customers.find_map(|customer| {
            let with = talk.other(&customer.uuid)?;
            let before = talks.iter().filter(|one| one.from_us < talk.from_us);
            let mut before = before.filter_map(|one| Some((one, one.other(&customer.uuid)?)));
            let (before, from) = before.next_back()?;
            let given =
                from != with && self.gave_away(customer, talks, (before, from), (talk, with));
            given.then(|| (customer.uuid.clone(), from.to_owned()))
        })
    }

    /// Returns whether what the switch says of the legs shows that `from` gave the customer to
    /// `with`. A customer whose agent hung up, and who then comes to another, is not transferred.
    fn gave_away(
        &self,
        customer: &Leg,
        talks: &[LiveTalk],
        (before, from): (&LiveTalk, &str),
        (talk, with): (&LiveTalk, &str),
    ) -> bool {
        let giver = self.giver(from);
        if giver.referred {
            return true;
        }
        // It asked the other first.
        let asked = |one: &&LiveTalk| one.from_us < talk.from_us && one.other(from) == Some(with);
        if talks.iter().any(|one| asked(&one)) {
            return true;
        }
        let sources = [transfer_of(customer), self.giver(with).transfer];
        let since = before.from_us / SECOND_US;
        let moved = sources.into_iter().flatten().any(|source| {
            let at = source
                .split(':')
                .next()
                .and_then(|at| at.parse::<i64>().ok());
            at.is_some_and(|at| at >= since)
        });
        moved && !giver.hung_up
    }

    /// Returns what is known of a leg of the call, or one that took part.
    fn giver(&self, uuid: &str) -> LivePart {
        if let Some(part) = self.live.part(uuid) {
            return part.clone();
        }
        let leg = self.live.leg(uuid);
        leg.map_or_else(LivePart::default, |leg| LivePart {
            referred: leg.live.as_ref().is_some_and(|marks| marks.referred),
            hung_up: leg.remote_hangup() == Some(true),
            transfer: transfer_of(leg),
            ..LivePart::default()
        })
    }
}

/// Returns the name of the pair of legs, whichever is the older one.
fn pair(talk: &LiveTalk) -> String {
    let mut legs = [talk.leg.as_str(), talk.with.as_str()];
    legs.sort_unstable();
    legs.join(" ")
}

fn transfer_of(leg: &Leg) -> Option<String> {
    leg.live.as_ref()?.transfer.clone()
}
