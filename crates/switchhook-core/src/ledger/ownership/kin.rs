//! Which legs were made for each other, and whose a leg with a life of its own is.

mod accounts;

use super::talks::{Conversation, Places};
use crate::leg::{Direction, Leg, Phase};
use crate::tenants::Tenants;

/// A customer whose partner is taken away is hung up within this time, µs: some ticks of the
/// switch.
const TAKEN_OVER_US: i64 = 200_000;

/// Whose a group of legs is, the one who is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// A customer's.
    Customer,
    /// We dialled it and it entered no flow: an agent's, if it talks with a customer.
    Dialled,
    /// An agent's, as `flow.callee_type` or a queue says, or as it has shown.
    Agent,
}

/// Groups of legs that were made for each other.
pub(super) struct Kin<'a> {
    legs: &'a [&'a Leg],
    tenants: &'a Tenants,
    parents: Vec<usize>,
    roots: Vec<bool>,
    roles: Vec<Role>,
    /// The agent's leg that made a leg with a life of its own.
    makers: Vec<Option<usize>>,
    /// What tells whether it has a life of its own was not seen yet.
    unsure: Vec<bool>,
}

/// How a leg relates to the leg that made it.
enum Birth {
    /// Nobody made it.
    Nobody,
    /// It was made for this leg's call.
    For(usize),
    /// This agent's leg made it, and it has a life of its own.
    ByAgent(usize),
    /// It was made, and has a flow or an account of its own.
    Apart,
}

impl<'a> Kin<'a> {
    /// Groups the legs.
    pub(super) fn of(
        legs: &'a [&'a Leg],
        places: &Places<'_>,
        conversations: &[Conversation],
        tenants: &'a Tenants,
    ) -> Self {
        let together = Self::build(legs, places, tenants, &[]);
        let gone_on = together.gone_on(conversations);
        if gone_on.is_empty() {
            return together;
        }
        Self::build(legs, places, tenants, &gone_on)
    }

    fn build(
        legs: &'a [&'a Leg],
        places: &Places<'_>,
        tenants: &'a Tenants,
        gone_on: &[usize],
    ) -> Self {
        let count = legs.len();
        let mut kin = Self {
            legs,
            tenants,
            parents: (0..count).collect(),
            roots: vec![true; count],
            roles: vec![Role::Customer; count],
            makers: vec![None; count],
            unsure: vec![false; count],
        };
        let place = |uuid: &str| places.get(uuid).copied();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|leg| (legs[*leg].created_us, legs[*leg].create_sequence, *leg));
        for leg in order {
            let goes_on = legs[leg].went_on || gone_on.contains(&leg);
            let birth = if goes_on {
                Birth::Nobody
            } else {
                kin.birth(leg, &place)
            };
            kin.settle(leg, &birth, goes_on);
        }
        for (leg, found) in legs.iter().enumerate() {
            if let Some(peer) = found.loopback_peer.as_deref().and_then(place) {
                kin.join_pair(leg, peer);
            }
            for hint in found.hints.iter().filter_map(|hint| place(hint)) {
                kin.join_replaced(leg, hint);
            }
        }
        kin
    }

    fn settle(&mut self, leg: usize, birth: &Birth, goes_on: bool) {
        self.roles[leg] = match birth {
            Birth::ByAgent(_) if !self.is_agents(leg) => Role::Customer,
            Birth::Nobody | Birth::ByAgent(_) | Birth::Apart | Birth::For(_) => {
                self.own_role(leg, goes_on)
            }
        };
        match birth {
            Birth::For(maker) => {
                self.roots[leg] = false;
                self.join_into(leg, *maker);
            }
            Birth::ByAgent(maker) => self.makers[leg] = Some(*maker),
            Birth::Nobody | Birth::Apart => {}
        }
    }

    fn birth(&mut self, leg: usize, place: &dyn Fn(&str) -> Option<usize>) -> Birth {
        let own = self.legs[leg];
        let named = own.flow.part_of.as_deref();
        if let Some(call) = named.and_then(place).filter(|call| *call != leg) {
            let strangers = self.is_of_another_account(leg, call);
            return if strangers {
                Birth::Nobody
            } else {
                Birth::For(call)
            };
        }
        let maker = own.maker().and_then(place).filter(|maker| *maker != leg);
        let Some(maker) = maker.filter(|_| own.heritage.is_none()) else {
            return Birth::Nobody;
        };
        let made = self.legs[maker];
        let times = made.created_us.zip(own.created_us);
        if times.is_some_and(|(made, own)| made > own) {
            return Birth::Nobody;
        }
        if self.roots[maker] && self.role(self.group(maker)) == Role::Agent {
            return Birth::ByAgent(maker);
        }
        if self.is_of_another_account(leg, maker) {
            return Birth::Apart;
        }
        if own.born_in_flow && made.flow.name.is_none() {
            if seen_since(made, own) {
                return Birth::Apart;
            }
            self.unsure[leg] = true;
        }
        Birth::For(maker)
    }

    fn is_agents(&self, leg: usize) -> bool {
        let leg = self.legs[leg];
        let said = leg.flow.callee_type.as_deref();
        said.is_some_and(|said| said.eq_ignore_ascii_case("AGENT")) || leg.serves_queue
    }

    fn own_role(&self, leg: usize, goes_on: bool) -> Role {
        let own = self.legs[leg];
        if goes_on || self.is_agents(leg) {
            return Role::Agent;
        }
        let dialled = own.direction == Direction::Outbound && own.heritage.is_none();
        let in_a_flow = own.flow.name.is_some() || own.flow.callee_type.is_some();
        if dialled && !in_a_flow {
            Role::Dialled
        } else {
            Role::Customer
        }
    }

    /// Joins the two halves of a loopback pair. One half runs the dialplan: what it entered there
    /// holds for both.
    fn join_pair(&mut self, leg: usize, peer: usize) {
        let [one, other] = [self.group(leg), self.group(peer)];
        let role = if self.roles[one] == Role::Dialled {
            self.roles[other]
        } else {
            self.roles[one]
        };
        self.join(leg, peer);
        let group = self.group(leg);
        self.roles[group] = role;
    }

    /// Joins a leg with one that replaced it, or that it replaced (Replaces, redirect).
    fn join_replaced(&mut self, leg: usize, other: usize) {
        let groups = [self.group(leg), self.group(other)];
        let went_on = |group: usize| {
            let mut legs = (0..self.legs.len()).filter(|leg| self.group(*leg) == group);
            legs.any(|leg| self.legs[leg].went_on)
        };
        if !groups.into_iter().any(went_on) && self.same_account(groups[0], groups[1]) {
            self.join(leg, other);
        }
    }

    /// Returns the legs that were made for a call and talk on with another customer after their
    /// own is gone.
    fn gone_on(&self, conversations: &[Conversation]) -> Vec<usize> {
        let mut found = Vec::new();
        for talk in conversations.iter().filter(|talk| !talk.assumed) {
            for (leg, with) in [(talk.a, talk.b), (talk.b, talk.a)] {
                let group = self.group(leg);
                let stranger = self.group(with) != group && self.is_root(with);
                let customers = stranger && self.role(self.group(with)).is_customer();
                let stays = self.roots[leg] || self.is_taken_over(leg, talk.from_us);
                if customers && !stays && self.is_left_alone(leg, talk.until_us) {
                    found.push(leg);
                }
            }
        }
        found
    }

    /// Returns whether all other legs of its call were down before `until_us` (`None`: now).
    fn is_left_alone(&self, leg: usize, until_us: Option<i64>) -> bool {
        let group = self.group(leg);
        let mut others = (0..self.legs.len()).filter(|other| {
            *other != leg && self.group(*other) == group && !self.is_made_by(*other, leg)
        });
        others.all(|other| {
            let ended = self.legs[other].ended_us;
            ended.is_some_and(|ended| until_us.is_none_or(|until| ended < until))
        })
    }

    /// Returns whether the talk that began then took the leg from the customer that it was made
    /// for: the switch hung that customer up as the talk began.
    pub(super) fn is_taken_over(&self, leg: usize, from_us: i64) -> bool {
        let group = self.group(leg);
        let mut left = (0..self.legs.len())
            .filter(|other| self.group(*other) == group && self.roots[*other])
            .map(|other| self.legs[other])
            .peekable();
        left.peek().is_some()
            && left.all(|customer| {
                let apart = customer.ended_us.map(|ended| ended.saturating_sub(from_us));
                let at_once = apart.is_some_and(|apart| apart.abs() <= TAKEN_OVER_US);
                at_once && customer.remote_hangup() != Some(true)
            })
    }

    /// Returns whether `other` came while a customer of the leg's call was there: otherwise the leg
    /// had gone on to it.
    pub(super) fn met(&self, leg: usize, other: usize) -> bool {
        let group = self.group(leg);
        let came_us = self.legs[other].created_us.unwrap_or(0);
        let mut customers = (0..self.legs.len())
            .filter(|one| self.group(*one) == group && self.roots[*one])
            .map(|one| self.legs[one]);
        self.roots[leg] || customers.any(|one| one.ended_us.is_none_or(|ended| ended >= came_us))
    }

    /// Returns whether a customer's leg of this leg's call is up, as far as events say.
    pub(super) fn has_customer_up(&self, leg: usize) -> bool {
        let group = self.group(leg);
        let mut legs = (0..self.legs.len()).filter(|other| self.group(*other) == group);
        legs.any(|other| {
            let leg = self.legs[other];
            let ends = matches!(leg.phase, Phase::Up | Phase::HangingUp);
            self.roots[other] && ends && leg.ended_us.is_none()
        })
    }

    fn is_made_by(&self, leg: usize, maker: usize) -> bool {
        let maker = self.legs[maker];
        let named = self.legs[leg].maker();
        named.is_some_and(|named| {
            named == maker.uuid || maker.former_uuids.iter().any(|uuid| uuid == named)
        })
    }

    /// Returns the group of a leg.
    pub(super) fn group(&self, leg: usize) -> usize {
        let mut leg = leg;
        while self.parents[leg] != leg {
            leg = self.parents[leg];
        }
        leg
    }

    /// Joins the groups of two legs; the older one's role holds.
    pub(super) fn join(&mut self, one: usize, other: usize) {
        let [one, other] = [self.group(one), self.group(other)];
        let born = |leg: usize| (self.legs[leg].created_us.unwrap_or(i64::MAX), leg);
        if born(one) <= born(other) {
            self.join_into(other, one)
        } else {
            self.join_into(one, other)
        }
    }

    /// Joins the group of `one` into that of `other`, whose role holds.
    pub(super) fn join_into(&mut self, one: usize, other: usize) {
        let [one, other] = [self.group(one), self.group(other)];
        self.parents[one] = other;
    }

    /// Returns whose a group is.
    pub(super) fn role(&self, group: usize) -> Role {
        self.roles[group]
    }

    /// Returns whether the leg has a life of its own.
    pub(super) fn is_root(&self, leg: usize) -> bool {
        self.roots[leg]
    }

    /// Returns whether the events so far leave open whether the leg has a life of its own.
    pub(super) fn is_unsure(&self, leg: usize) -> bool {
        self.unsure[leg]
    }

    /// Returns the agent's leg that made this leg, if it has a life of its own.
    pub(super) fn agent_that_made(&self, leg: usize) -> Option<usize> {
        self.makers[leg]
    }
}

/// Returns whether an event of the maker came after the leg was made, so that its variables of
/// that time are known.
fn seen_since(maker: &Leg, made: &Leg) -> bool {
    let known = made
        .create_sequence
        .is_none_or(|made| maker.sequence > made);
    known || maker.core != made.core || maker.phase >= Phase::CdrSeen
}
