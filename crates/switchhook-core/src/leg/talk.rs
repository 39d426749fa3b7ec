//! The conversations of a leg.

use serde::{Deserialize, Serialize};

use super::Leg;
use crate::headers::{Headers, non_empty, sent_us};
use crate::part::Part;

/// Conversations kept of one leg; a call that is parked and fetched all day has more.
const MAX_TALKS: usize = 64;

/// Two legs shared their media, from a bridge to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// Unique-ID of the other leg.
    pub with: String,
    /// Start, µs since 1970.
    pub from_us: i64,
    /// End, µs since 1970; `None` while they talk, or if the end was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_us: Option<i64>,
}

impl Leg {
    /// Returns what a call keeps of this leg, which talked from `from_us` until `until_us`. Of a leg
    /// of another account (`foreign`) it keeps no number.
    pub(crate) fn part_in(&self, from_us: i64, until_us: i64, foreign: bool) -> Part {
        let kept = |number: Option<&str>| number.filter(|_| !foreign).map(str::to_owned);
        Part {
            uuid: self.uuid.clone(),
            switch: self.switch.clone(),
            direction: self.direction,
            number: kept(self.far_number()),
            did: kept(self.own_number()),
            foreign,
            callee_type: self.flow.callee_type.clone(),
            from_us,
            until_us,
            recordings: Vec::new(),
        }
    }

    /// Notes a bridge or its end. The switch sends either event for one of the two legs and names
    /// both (FreeSWITCH: switch_ivr_bridge.c `switch_channel_event_set_bridge`).
    pub(super) fn apply_bridge(&mut self, event: &dyn Headers) {
        let name = event.get("Event-Name");
        let begins = match name.as_deref() {
            Some("CHANNEL_BRIDGE") => true,
            Some("CHANNEL_UNBRIDGE") => false,
            Some(_) | None => return,
        };
        let Some((at_us, with)) = sent_us(event).zip(self.bridged_with(event)) else {
            return;
        };
        if begins {
            self.begin_talk(with, at_us)
        } else {
            self.end_talk(&with, at_us)
        }
    }

    /// Notes the leg with which the switch says that this one was bridged.
    pub(super) fn note_bridged(&mut self, with: Option<String>) {
        let Some(with) = with.filter(|with| *with != self.uuid) else {
            return;
        };
        if self.bridged_to.len() < MAX_TALKS && !self.bridged_to.contains(&with) {
            self.bridged_to.push(with);
        }
    }

    /// Returns the channel whose talk with this leg the event ends, and when.
    pub(crate) fn unbridged(&self, event: &dyn Headers) -> Option<(String, i64)> {
        let name = event.get("Event-Name");
        if name.as_deref() != Some("CHANNEL_UNBRIDGE") {
            return None;
        }
        let with = self.bridged_with(event)?;
        Some((with, sent_us(event)?))
    }

    /// Returns the other leg of a bridge.
    fn bridged_with(&self, event: &dyn Headers) -> Option<String> {
        let named = ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID"].map(|name| non_empty(event, name));
        named.into_iter().flatten().find(|uuid| *uuid != self.uuid)
    }

    fn begin_talk(&mut self, with: String, from_us: i64) {
        let known = |talk: &Talk| talk.with == with && talk.from_us == from_us;
        if self.talks.len() < MAX_TALKS && !self.talks.iter().any(known) {
            self.talks.push(Talk {
                with,
                from_us,
                until_us: None,
            });
        }
    }

    /// Adds a talk that another leg told of.
    pub(crate) fn add_talk(&mut self, with: String, from_us: i64, until_us: Option<i64>) {
        if self.talks.iter().any(|talk| talk.with == with) {
            return;
        }
        self.begin_talk(with.clone(), from_us);
        if let Some(until_us) = until_us {
            self.end_talk(&with, until_us);
        }
    }

    /// Ends the talk with `with` that was open at that time.
    pub(crate) fn end_talk(&mut self, with: &str, at_us: i64) {
        let open = |talk: &&mut Talk| {
            talk.with == with && talk.until_us.is_none() && talk.from_us <= at_us
        };
        if let Some(talk) = self.talks.iter_mut().rev().find(open) {
            talk.until_us = Some(at_us);
        }
    }
}
