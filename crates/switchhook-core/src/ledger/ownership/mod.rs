//! Whose leg is it: divides legs that know each other into calls, one for what one customer went
//! through.
//!
//! Pure: legs go in, calls come out. The rule, in the words of `docs/documents.md`:
//!
//! 1. A leg that was made for a call belongs to it whole (`kin`).
//! 2. A leg that nobody made has a life of its own: an agent's or a customer's (`kin`).
//! 3. An agent's leg that ends with its one and only talk belongs whole to that customer's call.
//!    One that goes on takes part in each call for the time of the talk.
//! 4. Two customers' legs whose talk ends both are one call. Otherwise each takes part in the
//!    other's.
//!
//! What decides is in the events of the legs, so every order of events and every restart gives the
//! same calls. Only whether a leg goes on may be open for [`AFTER_TALK_US`]; a call that depends on
//! it says so ([`OwnedCall::is_open`]).

mod calls;
mod kin;
mod talks;

use crate::leg::{Leg, Phase};
use crate::tenants::Tenants;

use kin::{Kin, Role};
use talks::{Conversation, Places};

/// A leg that ends within this time after its talk ends with it, µs.
pub(super) const AFTER_TALK_US: i64 = 5_000_000;

/// The legs of one call, as places in the list of legs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OwnedCall {
    /// The legs that belong to it whole.
    pub legs: Vec<usize>,
    /// The talks of its legs with legs of other calls that take part in it.
    pub parts: Vec<TakesPart>,
    /// It is an agent's own call: what it talked is in the customers' documents.
    pub is_agents: bool,
    /// Whether another leg belongs to it is not decided yet.
    pub is_open: bool,
    /// A leg may have taken part, but its talk was not seen.
    pub lacks_talks: bool,
    /// These legs.
    pub may_have_talked: Vec<usize>,
}

/// A leg takes part in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TakesPart {
    /// The leg that takes part.
    pub leg: usize,
    /// The call's leg that it talked with.
    pub with: usize,
    /// The beginning of the talk, µs since 1970.
    pub from_us: i64,
    /// The end of the talk; `None` while they talk.
    pub until_us: Option<i64>,
    /// The beginning of the leg's next talk with a leg of another call, as far as events say.
    pub next_us: Option<i64>,
    /// The account of the call; the default one's name is empty.
    pub account: String,
    /// It serves the call: what was recorded of it within the talk is the call's.
    pub serves: bool,
    /// It is of another account.
    pub foreign: bool,
}

/// Divides `legs` into calls. `waited` says of a leg that is down whether [`AFTER_TALK_US`] has
/// passed since, by the clock of the events.
pub(super) fn divide(
    legs: &[&Leg],
    tenants: &Tenants,
    waited: &dyn Fn(usize) -> bool,
) -> Vec<OwnedCall> {
    let places = talks::places(legs);
    let conversations = talks::of(legs, &places);
    let kin = Kin::of(legs, &places, &conversations, tenants);
    let mut rule = Rule {
        legs,
        places,
        kin,
        conversations,
        waited,
        open: vec![false; legs.len()],
        serves: vec![false; legs.len()],
        gaps: vec![false; legs.len()],
    };
    rule.join_customers();
    rule.join_agents();
    rule.calls()
}

struct Rule<'a> {
    legs: &'a [&'a Leg],
    places: Places<'a>,
    kin: Kin<'a>,
    conversations: Vec<Conversation>,
    waited: &'a dyn Fn(usize) -> bool,
    /// By a leg of the group: a decision is open.
    open: Vec<bool>,
    /// By a leg of the group: an agent's that serves customers and goes on.
    serves: Vec<bool>,
    /// By a leg of the group: an agent's whose events were missed for a while.
    gaps: Vec<bool>,
}

/// Whether two groups of legs end with their talk.
enum Ends {
    Together,
    Apart,
    Open,
}

impl Rule<'_> {
    /// Rule 4.
    fn join_customers(&mut self) {
        for index in 0..self.conversations.len() {
            let talk = &self.conversations[index];
            let (a, b, assumed) = (talk.a, talk.b, talk.assumed);
            let [one, other] = [a, b].map(|leg| self.kin.group(leg));
            let from_us = talk.from_us;
            let stands = |leg| self.kin.is_root(leg) || self.kin.is_taken_over(leg, from_us);
            let customers = if assumed {
                self.kin.met(a, b) && self.kin.met(b, a)
            } else {
                stands(a) && stands(b)
            };
            let may_yet = |leg| stands(leg) || self.kin.has_customer_up(leg);
            let undecided = !customers && may_yet(a) && may_yet(b);
            if one == other || !(customers || undecided) || !self.are_peers(one, other) {
                continue;
            }
            match self.end_of(&[one, other], one, other) {
                Ends::Together if customers => self.kin.join(a, b),
                Ends::Apart => {}
                // That they end together is known before which of them was taken over.
                Ends::Together | Ends::Open => {
                    self.open[one] = true;
                    self.open[other] = true;
                }
            }
        }
    }

    /// Returns whether neither group serves the other, nor any customer.
    fn are_peers(&self, one: usize, other: usize) -> bool {
        let role = self.kin.role(one);
        if role != self.kin.role(other) || !self.kin.same_account(one, other) {
            return false;
        }
        let serves = |group| self.has_gone_on(group) || !self.customers_of(group).is_empty();
        role != Role::Agent || ![one, other].into_iter().any(serves)
    }

    fn has_gone_on(&self, group: usize) -> bool {
        self.members(group).any(|leg| self.legs[leg].went_on)
    }

    /// Rule 3.
    fn join_agents(&mut self) {
        for agent in 0..self.legs.len() {
            if self.kin.group(agent) != agent {
                continue;
            }
            let customers = self.customers_of(agent);
            let stays = self.has_gone_on(agent);
            let [customer] = customers[..] else {
                self.serves[agent] = stays || !customers.is_empty();
                continue;
            };
            let apart = stays || !self.kin.same_account(agent, customer);
            match self.end_of(&[agent], agent, customer) {
                Ends::Together if !apart => {
                    // It may have talked with others while events were missed.
                    let had_gap = self.members(agent).any(|leg| self.legs[leg].gap);
                    self.gaps[agent] = had_gap;
                    self.kin.join_into(agent, customer)
                }
                Ends::Open if !apart => {
                    self.open[customer] = true;
                    self.serves[agent] = true;
                }
                Ends::Together | Ends::Open | Ends::Apart => self.serves[agent] = true,
            }
        }
    }

    /// Returns the groups that an agent's group talked with or dialled as customers.
    fn customers_of(&self, agent: usize) -> Vec<usize> {
        let role = self.kin.role(agent);
        let talked = self.conversations.iter().filter_map(|talk| {
            let other = match [talk.a, talk.b].map(|leg| self.kin.group(leg)) {
                [one, other] if one == agent => other,
                [other, one] if one == agent => other,
                _ => return None,
            };
            (other != agent && self.kin.role(other) < role).then_some(other)
        });
        let dialled = (0..self.legs.len()).filter_map(|leg| {
            let maker = self.kin.agent_that_made(leg)?;
            let group = self.kin.group(leg);
            let customers = self.kin.role(group) < role && group != agent;
            (customers && self.kin.group(maker) == agent).then_some(group)
        });
        let mut customers: Vec<usize> = talked.chain(dialled).collect();
        customers.sort_unstable();
        customers.dedup();
        customers
    }

    /// Tells whether the legs of `groups` end with the last talk of `one` and `other`; if they
    /// never talked, with the end of `other`.
    fn end_of(&self, groups: &[usize], one: usize, other: usize) -> Ends {
        let members = || groups.iter().flat_map(|group| self.members(*group));
        let is_up = |leg: usize| self.legs[leg].phase == Phase::Up;
        let mut between = self.conversations.iter().filter(|talk| {
            let pair = [talk.a, talk.b].map(|leg| self.kin.group(leg));
            pair == [one, other] || pair == [other, one]
        });
        if between.clone().any(|talk| talk.until_us.is_none()) && members().any(is_up) {
            return Ends::Apart;
        }
        let talked = between.clone().filter_map(|talk| talk.until_us).max();
        let never = between.next().is_none();
        let dialled = || {
            self.members(other)
                .filter_map(|leg| self.legs[leg].ended_us)
                .max()
        };
        let end = talked.or_else(|| dialled().filter(|_| never));
        let latest = end.map(|end| end.saturating_add(AFTER_TALK_US));
        let later = |leg: usize| self.legs[leg].ended_us.zip(latest);
        if members()
            .filter_map(later)
            .any(|(ended, latest)| ended > latest)
        {
            return Ends::Apart;
        }
        if !members().any(is_up) {
            return Ends::Together;
        }
        // The talk is over. A leg that is still up after a while goes on.
        let both = || self.members(one).chain(self.members(other));
        let down = || both().filter(|leg| !is_up(*leg));
        if down().next().is_some() && down().all(self.waited) {
            Ends::Apart
        } else {
            Ends::Open
        }
    }

    fn members(&self, group: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.legs.len()).filter(move |leg| self.kin.group(*leg) == group)
    }
}

impl Role {
    const fn is_customer(self) -> bool {
        matches!(self, Self::Customer)
    }
}

#[cfg(test)]
mod tests;
