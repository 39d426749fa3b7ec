//! One channel of the switch, built from its events and its CDR.
//!
//! A leg is stored as JSON while its call lasts: fields may be added, stored names never change,
//! and unknown fields are ignored.

mod kind;
mod live_marks;
mod origin;
mod recording_marks;
mod talk;
mod update;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::flow_vars::{FlowVars, KeyLimits};
use super::headers::Headers;
use super::numbers::{NumberSource, Numbers};
use super::part::Part;
use super::recording::Recording;

pub use super::direction::Direction;
pub use kind::ChannelEventKind;
pub use live_marks::LiveLookup;
pub(crate) use live_marks::{LiveMarks, Told, ToldLeg, ToldTalk};
pub use recording_marks::RecordingMarks;
pub use talk::Talk;

/// The state of a leg, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The channel lives.
    #[default]
    Up,
    /// The channel is gone from the switch, and its hangup was not seen.
    Lost,
    /// `CHANNEL_HANGUP` was seen; the details are not known yet.
    HangingUp,
    /// The CDR gave the end with all details; the leg's own events may still come.
    #[serde(rename = "told")]
    CdrSeen,
    /// Down, with all details.
    Down,
}

/// How much is kept of one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegLimits {
    /// Limits of its variables.
    pub keys: KeyLimits,
    /// Other channels that it names.
    pub links: usize,
    /// Its recordings.
    pub recordings: usize,
    /// The number of a caller who asks for privacy is not kept.
    pub respect_privacy: bool,
    /// Legs of other calls that took part in its call.
    pub parts: usize,
    /// What events of living calls need is kept.
    pub live: bool,
}

impl Default for LegLimits {
    fn default() -> Self {
        Self {
            keys: KeyLimits::default(),
            links: 1024,
            recordings: 256,
            respect_privacy: true,
            parts: 64,
            live: false,
        }
    }
}

/// What a customer's leg has from the agent's leg that made it, unless it has its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heritage {
    /// `flow.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flow: Option<String>,
    /// `flow.account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
}

/// One channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leg {
    /// Unique-ID.
    pub uuid: String,
    /// Earlier Unique-IDs, before `CHANNEL_UUID` changed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) former_uuids: Vec<String>,
    /// Name of the switch (`FreeSWITCH-Switchname`).
    pub switch: String,
    /// `Channel-Name`, for example `sofia/lab/919879072567@127.0.0.1:5070`.
    pub channel_name: String,
    /// Direction of the channel.
    pub direction: Direction,
    /// Its numbers; those of `CHANNEL_CREATE` if that was seen.
    pub numbers: Numbers,
    /// `accountcode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account_code: Option<String>,
    /// `Event-Sequence` of `CHANNEL_CREATE`: the order of legs created in the same tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) create_sequence: Option<u64>,
    /// Creation, µs since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_us: Option<i64>,
    /// Answer, µs since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_us: Option<i64>,
    /// End, µs since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_us: Option<i64>,
    /// The leg's state.
    pub phase: Phase,
    /// The user that the far end forwarded the call to with a 302 (`sip_redirected_to`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redirected_to: Option<String>,
    /// Name of the hangup cause, for example `NORMAL_CLEARING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Q.850 number of the hangup cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q850: Option<u16>,
    /// `sip_hangup_disposition`, for example `recv_bye`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// The leg that dialled this one, as known at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub originator: Option<String>,
    /// The leg for which this one was made, as known at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maker: Option<String>,
    /// The leg of whose call it tells the switch that it goes to (header `X-Flow-Part-Of`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crosses_for: Option<String>,
    /// `flow.name` was on it when it was created.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) born_in_flow: bool,
    /// A queue says that it is an agent's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) serves_queue: bool,
    /// It took part in a call that is over, and went on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) went_on: bool,
    /// An agent's leg, whose call is over, made it: it has a life of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heritage: Option<Heritage>,
    /// Legs of calls that are over, which took part in this leg's call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Part>,
    /// Legs of the same call that it names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub links: BTreeSet<String>,
    /// Channels that may be legs of the same call.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) hints: BTreeSet<String>,
    /// The other half of a loopback pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loopback_peer: Option<String>,
    /// Its flow variables.
    pub flow: FlowVars,
    /// Its recordings in order of start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Recording>,
    /// Its conversations in order of start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub talks: Vec<Talk>,
    /// The legs with which it says that it was bridged, whether their talks were seen or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bridged_to: Vec<String>,
    /// The conference that it is in, by its Unique-ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conference: Option<String>,
    /// Why the switch could not open a recording's file (`record_completion_cause`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_failed: Option<String>,
    /// It had more recordings than are kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recordings_unknown: bool,
    /// Traces of its recordings on the channel.
    #[serde(skip_serializing_if = "RecordingMarks::is_empty")]
    pub marks: RecordingMarks,
    /// Events were missed while it was up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
    /// It waited in a queue, or was in a conference, which rings agents that no header of this
    /// leg names (FreeSWITCH: mod_callcenter.c, mod_fifo.c, mod_conference.c).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// A queue may have rung agents that were not seen. Set when the call is over; not stored.
    #[serde(skip)]
    pub(crate) agents_unknown: bool,
    /// A talk or the start of a recording was missed, so that nobody knows whose voice its
    /// recordings hold. Set when the call is over; not stored.
    #[serde(skip)]
    pub(crate) talks_unknown: bool,
    /// Its CDR filled in what its events lacked.
    #[serde(rename = "mended", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cdr_merged: bool,
    /// What events of the living call need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) live: Option<Box<LiveMarks>>,
    /// The switch's run (`Core-UUID`) that `sequence` belongs to.
    pub core: String,
    /// `Event-Sequence` of the newest event seen.
    pub sequence: u64,
}

impl Leg {
    /// Creates an empty leg.
    #[must_use]
    pub fn new(uuid: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            ..Self::default()
        }
    }

    /// Builds a leg from one set of headers: the `connect` reply or a `uuid_dump`. Other legs and
    /// recordings are not in them.
    #[must_use]
    pub(crate) fn snapshot(headers: &dyn Headers, limits: &LegLimits) -> Self {
        let uuid = headers.get("Unique-ID").unwrap_or_default();
        let mut leg = Self::new(&uuid);
        leg.apply_snapshot(headers, limits);
        leg
    }

    /// Gives the channel a new Unique-ID.
    pub fn rename(&mut self, uuid: &str) {
        let former = std::mem::replace(&mut self.uuid, uuid.to_owned());
        self.former_uuids.push(former);
    }

    /// Returns the number at our end.
    #[must_use]
    pub(crate) fn own_number(&self) -> Option<&str> {
        self.numbers.own(self.direction)
    }

    /// Returns the number at the far end: the caller's, or the called party's.
    #[must_use]
    pub(crate) fn far_number(&self) -> Option<&str> {
        let redirected = self.redirection().map(|(_, to)| to);
        redirected.or(match self.direction {
            Direction::Inbound => self.numbers.caller.as_deref(),
            Direction::Outbound => self.numbers.destination.as_deref(),
            Direction::Unknown => None,
        })
    }

    /// Returns whom this leg dialled first, and whom instead, if the far end forwarded the call. A
    /// leg that ended because it was forwarded is of the first one.
    #[must_use]
    pub(crate) fn redirection(&self) -> Option<(&str, &str)> {
        let outbound = self.direction == Direction::Outbound;
        let to = self.redirected_to.as_deref().filter(|_| outbound)?;
        let from = self.numbers.destination.as_deref()?;
        let ended = self.cause.as_deref() == Some("REDIRECTION_TO_NEW_DESTINATION");
        (!ended && from != to).then_some((from, to))
    }

    /// Returns the Unique-ID that the channel was created with.
    #[must_use]
    pub(crate) fn first_uuid(&self) -> &str {
        self.former_uuids.first().unwrap_or(&self.uuid)
    }

    /// Returns whether this is a loopback channel. It is not a leg of its own; the party behind
    /// it is.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.channel_name.starts_with("loopback/")
    }

    /// Returns whether the far end hung up; `None` if the switch does not say (FreeSWITCH:
    /// `sip_hangup_disposition`, set by `mod_sofia` alone).
    #[must_use]
    pub fn remote_hangup(&self) -> Option<bool> {
        let disposition = self.disposition.as_deref()?;
        if disposition.starts_with("recv_") {
            return Some(true);
        }
        disposition.starts_with("send_").then_some(false)
    }

    /// Returns whether the leg is down and every recording is closed.
    #[must_use]
    pub(crate) fn is_settled(&self) -> bool {
        self.phase == Phase::Down && self.recordings.iter().all(Recording::is_closed)
    }

    /// Returns whether its events left something open that its CDR may answer, and the CDR is not
    /// read yet.
    #[must_use]
    pub(crate) fn needs_cdr(&self) -> bool {
        let unsure =
            !self.recordings_known() || !self.numbers.is_reliable() || self.may_lack_agents();
        !self.cdr_merged && unsure
    }

    /// Returns whether every recording is known.
    #[must_use]
    pub(crate) fn recordings_known(&self) -> bool {
        let alike = self.had_gap() && self.marks.may_repeat();
        !self.recordings_unknown && !self.marks.has_unseen_recording() && !alike
    }

    /// Returns whether a queue may have rung an agent, who did not answer, while events were
    /// missed.
    #[must_use]
    pub(crate) fn may_lack_agents(&self) -> bool {
        // A leg that names itself says that others, which it does not name, are part of its call.
        let names_itself = self.flow.part_of.as_ref() == Some(&self.uuid);
        (self.queued || names_itself) && self.had_gap()
    }

    /// Returns whether some of its events were missed.
    pub(crate) fn had_gap(&self) -> bool {
        self.gap || self.numbers.source != NumberSource::Create
    }

    /// Returns whether its end is known with all details.
    #[must_use]
    pub(crate) fn has_ended(&self) -> bool {
        self.phase >= Phase::CdrSeen
    }

    /// Returns whether everything is from its own events, its start and its end included.
    #[must_use]
    pub(crate) fn fully_observed(&self) -> bool {
        self.phase == Phase::Down && self.numbers.source == NumberSource::Create && !self.cdr_merged
    }
}
