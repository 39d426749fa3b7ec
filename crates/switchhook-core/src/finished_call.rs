//! A call that is over: its legs in order, and the legs known to be missing.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::flow_vars::FlowVars;
use super::leg::{Heritage, Leg};
use super::part::Part;

/// A call with all its legs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinishedCall {
    /// Unique-ID that the call's first leg was created with.
    pub id: String,
    /// Every channel in order of start, loopback channels included.
    pub legs: Vec<Leg>,
    /// Unique-IDs of legs that belong to the call but were not seen.
    pub unseen: Vec<String>,
    /// The call's first leg is among the unseen ones.
    pub headless: bool,
    /// Legs of other calls that took part in this one, in order of their talks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What the call has from the agent's leg that dialled its customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) heritage: Option<Heritage>,
    /// Paths of recordings that no document lists: they hold talks of another account. Known only
    /// when the call is over; not stored.
    #[serde(skip)]
    pub withheld: Vec<String>,
}

impl FinishedCall {
    /// Builds a call from its legs.
    #[must_use]
    pub fn new(legs: Vec<Leg>) -> Self {
        Self::with_parts(legs, Vec::new(), &|_, _| false)
    }

    /// Returns the call without the legs that another document has; `None` if no leg is left.
    /// `is_elsewhere` is asked of each channel (Unique-ID and creation). The rest says that it lacks
    /// something. What took part is left out too: it may have talked with one of those legs.
    #[must_use]
    pub fn without(mut self, is_elsewhere: &dyn Fn(&str, Option<i64>) -> bool) -> Option<Self> {
        let all = self.legs.len();
        let is_gone = |leg: &Leg| names(leg).any(|uuid| is_elsewhere(uuid, leg.created_us));
        self.legs.retain(|leg| !is_gone(leg));
        if self.legs.len() == all {
            return Some(self);
        }
        for leg in &mut self.legs {
            leg.agents_unknown = true;
        }
        self.parts.clear();
        let first = self.parties().next().map(|leg| leg.first_uuid().to_owned());
        self.id = first?;
        Some(self)
    }

    /// Builds a call in progress from what is known of one leg.
    pub(crate) fn of_snapshot(leg: Leg) -> Self {
        Self {
            id: leg.uuid.clone(),
            legs: vec![leg],
            unseen: Vec::new(),
            headless: false,
            parts: Vec::new(),
            heritage: None,
            withheld: Vec::new(),
        }
    }

    /// Builds a call from its legs and those that took part in it. `elsewhere` says of a leg and
    /// a Unique-ID that it names whether that channel is known to belong to another call.
    #[must_use]
    pub(crate) fn with_parts(
        mut legs: Vec<Leg>,
        parts: Vec<Part>,
        elsewhere: &dyn Fn(&Leg, &str) -> bool,
    ) -> Self {
        let own: HashSet<String> = legs.iter().flat_map(names).cloned().collect();
        legs.sort_by_cached_key(|leg| order(leg, &own));
        let is_part = |uuid: &str| parts.iter().any(|part| part.uuid == uuid);
        let links = legs.iter().flat_map(|leg| {
            leg.links
                .iter()
                .chain(&leg.flow.part_of)
                .map(move |link| (leg, link))
        });
        let unseen: BTreeSet<String> = links
            .filter(|(_, link)| !own.contains(*link) && !is_part(link))
            .filter(|(leg, link)| !elsewhere(leg, link))
            .map(|(_, link)| link.clone())
            .collect();
        let mut call = Self {
            id: String::new(),
            legs,
            unseen: unseen.into_iter().collect(),
            headless: false,
            parts,
            heritage: None,
            withheld: Vec::new(),
        };
        let first = call.parties().next();
        let head = first.and_then(|leg| leg.originator.as_ref().filter(|_| !leg.went_on));
        call.headless = head.is_some_and(|uuid| call.unseen.contains(uuid));
        // Never the id of an unseen leg: that leg's own call may still be reported, and a
        // receiver would take the second of two documents with one id for a repeat.
        let first = call.parties().next().map(|leg| leg.first_uuid().to_owned());
        call.id = first.unwrap_or_default();
        call
    }

    /// Returns the legs as people count them: without loopback channels, because the party behind
    /// one is a leg itself. In a call of loopback channels only, the half of each pair that went
    /// through the dialplan stands for the party.
    pub fn parties(&self) -> impl Iterator<Item = &Leg> {
        let real = self.legs.iter().any(|leg| !leg.is_loopback());
        let shown = move |leg: &&Leg| {
            if real {
                return !leg.is_loopback();
            }
            leg.channel_name.ends_with("-b") || !self.has_peer(leg)
        };
        self.legs.iter().filter(shown)
    }

    /// Returns whether the other half of the leg's loopback pair is in the call.
    fn has_peer(&self, leg: &Leg) -> bool {
        let peer = leg.loopback_peer.as_ref();
        peer.is_some_and(|peer| self.legs.iter().any(|other| other.uuid == *peer))
    }

    /// Returns the name of the first leg's switch.
    #[must_use]
    pub fn switch(&self) -> &str {
        self.parties().next().map_or("", |leg| &leg.switch)
    }

    /// Returns the creation of the first leg, µs since 1970; 0 if unknown.
    #[must_use]
    pub fn created_us(&self) -> i64 {
        let first = self.parties().next();
        first.and_then(|leg| leg.created_us).unwrap_or(0)
    }

    /// Returns the end of the last leg, as far as it is known, µs since 1970.
    #[must_use]
    pub(crate) fn ended_us(&self) -> Option<i64> {
        self.legs.iter().filter_map(|leg| leg.ended_us).max()
    }

    /// Returns every Unique-ID of the call with the creation of its channel (µs since 1970), for
    /// [`super::ledger::Ledger::remember`] after a restart.
    pub fn channels(&self) -> impl Iterator<Item = (&str, Option<i64>)> {
        let all = self.legs.iter();
        all.flat_map(|leg| names(leg).map(|uuid| (uuid.as_str(), leg.created_us)))
    }

    /// Returns `flow.name` of the first leg, or else of any leg.
    #[must_use]
    pub(crate) fn flow_name(&self) -> Option<&str> {
        let inherited = || self.heritage.as_ref()?.flow.as_deref();
        self.first_of(|flow| flow.name.as_deref())
            .or_else(inherited)
    }

    /// Returns `flow.account`, found as by [`FinishedCall::flow_name`].
    #[must_use]
    pub(crate) fn account_name(&self) -> Option<&str> {
        let inherited = || self.heritage.as_ref()?.account.as_deref();
        self.first_of(|flow| flow.account.as_deref())
            .or_else(inherited)
    }

    fn first_of(&self, get: fn(&FlowVars) -> Option<&str>) -> Option<&str> {
        self.flows().into_iter().find_map(get)
    }

    /// Returns the flow variables of every channel, the first leg's first.
    #[must_use]
    pub fn flows(&self) -> Vec<&FlowVars> {
        let first = self.parties().next();
        let rest = self.legs.iter();
        let rest = rest.filter(|leg| first.is_none_or(|first| first.uuid != leg.uuid));
        first.into_iter().chain(rest).map(|leg| &leg.flow).collect()
    }

    /// Returns the call without the outcome that the hook preset under these names (without
    /// `flow.key.`) on a leg that ended on hold; `None` if there is no such leg.
    #[must_use]
    pub fn without_outcome(&self, names: &[String]) -> Option<Self> {
        if names.is_empty() || !self.legs.iter().any(|leg| leg.flow.on_hold) {
            return None;
        }
        let mut call = self.clone();
        for leg in &mut call.legs {
            leg.flow.forget_outcome(names);
        }
        Some(call)
    }

    /// Returns whether everything is from the events of its legs, from their start to their end.
    #[must_use]
    pub(crate) fn fully_observed(&self) -> bool {
        self.unseen.is_empty() && self.legs.iter().all(Leg::fully_observed)
    }
}

fn names(leg: &Leg) -> impl Iterator<Item = &String> {
    std::iter::once(&leg.uuid).chain(&leg.former_uuids)
}

/// Sorts legs by start. Within one tick of the switch (20 ms) the dialling leg comes before the
/// dialled one.
fn order(leg: &Leg, own: &HashSet<String>) -> (i64, bool, u64, String) {
    (
        leg.created_us.unwrap_or(i64::MAX),
        leg.originator
            .iter()
            .chain(&leg.flow.part_of)
            .any(|uuid| *uuid != leg.uuid && own.contains(uuid)),
        leg.create_sequence.unwrap_or(u64::MAX),
        leg.uuid.clone(),
    )
}
