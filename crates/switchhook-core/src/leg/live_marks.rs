//! What a leg keeps for the events of its call while the call lives.
//!
//! Stored with the leg, so that a restart goes on where the process stopped. Kept only if a flow has
//! such events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ChannelEventKind, Leg};
use crate::headers::{Headers, non_empty, sent_us};

/// Lookups kept of one leg until they are told.
const MAX_LOOKUPS: usize = 64;

/// Dispositions of a leg whose far end sent REFER (FreeSWITCH: mod_sofia, `sofia_handle_sip_i_refer`).
const TRANSFERS: [&str; 2] = ["BLIND_TRANSFER", "ATTENDED_TRANSFER"];

/// What the events of a living call need of one leg, besides the leg itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LiveMarks {
    /// It began to ring, µs since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_us: Option<i64>,
    /// Its last hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// How the switch last transferred it (`transfer_source`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
    /// Its far end gave the call away with REFER.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub referred: bool,
    /// Its variables were seen after its creation: without a `flow.name` by then it has none yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ran: bool,
    /// It came into its conference, µs since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conference_us: Option<i64>,
    /// It left its last conference, µs since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_us: Option<i64>,
    /// Its lookups that have ended, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LiveLookup>,
    /// What was told of the call whose first leg this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<Box<Told>>,
}

/// The far end of a leg held its call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The beginning, µs since 1970.
    pub from_us: i64,
    /// The end; `None` while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_us: Option<i64>,
}

/// A webhook's answer in the middle of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveLookup {
    /// The webhook.
    pub webhook: String,
    /// The line that the call took; `None` if it took none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u8>,
    /// `SUCCESS`, the reason of the failure, or `None` without an outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From sending to the outcome, µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_us: Option<u64>,
    /// Its end, µs since 1970.
    pub at_us: i64,
}

/// What was told of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    /// The call's Unique-ID in its events.
    pub call: String,
    /// Creation of its first leg, µs since 1970.
    pub created_us: i64,
    /// Its legs, and those that took part, by Unique-ID.
    pub legs: BTreeMap<String, ToldLeg>,
    /// Its talks: the two legs, and what was told of the last talk between them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub talks: BTreeMap<String, ToldTalk>,
    /// Hashes of its keys' values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, u64>,
    /// Its end was told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

/// What was told of a leg.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ToldLeg {
    /// That it rings.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ringing: bool,
    /// That it answered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
    /// An agent's: that it is in a conference with the customer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confers: bool,
    /// An agent's: that it came to the customer, or left without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub met: bool,
    /// The last hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Recordings by their path: the start, and whether the end was told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub recordings: BTreeMap<String, (u64, bool)>,
    /// How many lookups.
    #[serde(skip_serializing_if = "is_zero")]
    pub lookups: usize,
}

/// What was told of the last talk of two legs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ToldTalk {
    /// Its beginning, µs since 1970.
    pub from_us: i64,
    /// That it ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// That it came by a transfer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub transferred: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Leg {
    /// Notes what events of the living call need. Called with each event of the leg.
    // Apart, so that a leg without such events costs nothing.
    #[inline(never)]
    pub(super) fn note_live(&mut self, kind: ChannelEventKind, event: &dyn Headers) {
        if kind == ChannelEventKind::Custom {
            return;
        }
        let mut marks = self.live.take().unwrap_or_default();
        if marks.ringing_us.is_none() {
            marks.ringing_us = ringing_us(event);
        }
        if let Some(source) = event.variable("transfer_source") {
            marks.transfer = Some(source.into_owned());
        }
        let disposition = event.variable("endpoint_disposition");
        marks.referred |= disposition.is_some_and(|word| TRANSFERS.contains(&&*word));
        marks.ran |= kind != ChannelEventKind::Create && has_variables(event);
        marks.note_hold(event);
        self.live = Some(marks);
    }

    /// Notes that it came into a conference, or left it.
    pub(crate) fn note_conference(&mut self, event: &dyn Headers) {
        let at_us = sent_us(event);
        let is_in = self.conference.is_some();
        let marks = self.live.get_or_insert_default();
        if is_in {
            marks.conference_us = at_us;
        } else {
            marks.left_us = at_us;
        }
    }

    /// Notes a lookup that has ended. Returns whether it is kept.
    pub(crate) fn note_lookup(&mut self, lookup: LiveLookup) -> bool {
        let marks = self.live.get_or_insert_default();
        let fits = marks.lookups.len() < MAX_LOOKUPS && !marks.lookups.contains(&lookup);
        if fits {
            marks.lookups.push(lookup);
        }
        fits
    }
}

impl LiveMarks {
    fn note_hold(&mut self, event: &dyn Headers) {
        let begins = match event.get("Event-Name").as_deref() {
            Some("CHANNEL_HOLD") => true,
            Some("CHANNEL_UNHOLD") => false,
            Some(_) | None => return,
        };
        let Some(at_us) = sent_us(event) else {
            return;
        };
        match &mut self.hold {
            Some(hold) if hold.until_us.is_none() => {
                if !begins && is_taken_up(event) {
                    hold.until_us = Some(at_us);
                } else if !begins {
                    self.hold = None;
                }
            }
            _ if begins => {
                self.hold = Some(Hold {
                    from_us: at_us,
                    until_us: None,
                });
            }
            Some(_) | None => {}
        }
    }
}

/// Returns whether the far end took up the call that it held. The switch says `CHANNEL_UNHOLD` also
/// when such a leg hangs up or leaves its bridge (FreeSWITCH: switch_channel.c
/// `switch_channel_perform_hangup`, switch_ivr_bridge.c): what the far end sent last tells them apart.
fn is_taken_up(event: &dyn Headers) -> bool {
    let held = ["a=sendonly", "a=inactive", "c=IN IP4 0.0.0.0"];
    let sdp = event.variable("switch_r_sdp");
    sdp.is_some_and(|sdp| !sdp.lines().any(|line| held.contains(&line.trim_end())))
}

/// Returns when the channel began to ring: at its first provisional answer.
fn ringing_us(event: &dyn Headers) -> Option<i64> {
    let names = [
        "Caller-Channel-Progress-Time",
        "Caller-Channel-Progress-Media-Time",
    ];
    let times = names.into_iter().filter_map(|name| event.get(name));
    let times = times.filter_map(|text| text.parse::<i64>().ok());
    times.filter(|us| *us > 0).min()
}

fn has_variables(event: &dyn Headers) -> bool {
    // Every channel has it once it has variables at all.
    non_empty(event, "variable_uuid").is_some()
}
