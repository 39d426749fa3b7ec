//! One channel of the switch, from its events or its CDR. It is stored as JSON while
//! its call lasts: fields may be added, unknown ones are ignored.

mod kind;
mod learn;
mod marks;
mod talk;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::flow_vars::{FlowVars, KeyLimits};
use super::headers::Headers;
use super::numbers::{Numbers, Source};
use super::recording::Recording;

pub use kind::ChannelEventKind;
pub use marks::Marks;
pub use talk::Talk;

/// Who called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Not known.
    #[default]
    Unknown,
    /// The far end called the switch.
    Inbound,
    /// The switch called the far end.
    Outbound,
}

impl Direction {
    /// Of a channel's headers.
    #[must_use]
    pub fn of(headers: &dyn Headers) -> Self {
        match headers.get("Call-Direction").as_deref() {
            Some("inbound") => Self::Inbound,
            Some("outbound") => Self::Outbound,
            Some(_) | None => Self::Unknown,
        }
    }
}

/// How far the leg is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It lives.
    #[default]
    Up,
    /// It is no longer on the switch, and nobody saw it go.
    Lost,
    /// `CHANNEL_HANGUP` came, the details did not yet.
    HangingUp,
    /// Its CDR told its end with all details; its own events may still come.
    Told,
    /// Down, with all details.
    Down,
}

/// What may be kept of one leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Its variables.
    pub keys: KeyLimits,
    /// Other channels it names.
    pub links: usize,
    /// Its recordings.
    pub recordings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: KeyLimits::default(),
            links: 1024,
            recordings: 256,
        }
    }
}

/// One channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leg {
    /// Unique-ID.
    pub uuid: String,
    /// Unique-IDs it had before `CHANNEL_UUID` changed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) former_uuids: Vec<String>,
    /// Name of the switch (`FreeSWITCH-Switchname`).
    pub switch: String,
    /// `Channel-Name`, for example `sofia/lab/919879072567@127.0.0.1:5070`.
    pub channel_name: String,
    /// Who called.
    pub direction: Direction,
    /// Numbers, those of `CHANNEL_CREATE` when it was seen.
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
    /// How far it is.
    pub phase: Phase,
    /// Name of the hangup cause, for example `NORMAL_CLEARING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Q.850 number of the hangup cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q850: Option<u16>,
    /// `sip_hangup_disposition`, for example `recv_bye`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
    /// The leg that dialled this one, as it was when this one was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub originator: Option<String>,
    /// Legs of the same call that it names.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub links: BTreeSet<String>,
    /// What may be a leg of the same call.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) hints: BTreeSet<String>,
    /// The other half of a loopback pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loopback_peer: Option<String>,
    /// The flow's variables.
    pub flow: FlowVars,
    /// Its recordings, in the order of their start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Recording>,
    /// Whom it talked to, in the order in which that began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub talks: Vec<Talk>,
    /// It had more recordings than are kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recordings_unknown: bool,
    /// What its recordings left on the channel.
    #[serde(skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
    /// It lived while nobody listened to the switch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
    /// It waited in a queue, which rings agents that nothing on this leg names
    /// (FreeSWITCH: mod_callcenter.c, mod_fifo.c).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// A queue may have rung agents for it that nobody saw; known when its call is over, and not
    /// stored with the leg.
    #[serde(skip)]
    pub(crate) agents_unknown: bool,
    /// Its CDR was needed for what its events did not tell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) mended: bool,
    /// The switch's run (`Core-UUID`) that `sequence` belongs to.
    pub core: String,
    /// `Event-Sequence` of the newest event seen.
    pub sequence: u64,
}

impl Leg {
    /// A leg of which nothing is known yet.
    #[must_use]
    pub fn new(uuid: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            ..Self::default()
        }
    }

    /// The leg as one set of headers shows it: the `connect` reply, a `uuid_dump`. Which other
    /// legs there are and what was recorded is not in it.
    #[must_use]
    pub(crate) fn snapshot(headers: &dyn Headers, limits: &Limits) -> Self {
        let uuid = headers.get("Unique-ID").unwrap_or_default();
        let mut leg = Self::new(&uuid);
        leg.show(headers, limits);
        leg
    }

    /// The channel has a new Unique-ID.
    pub fn rename(&mut self, uuid: &str) {
        let former = std::mem::replace(&mut self.uuid, uuid.to_owned());
        self.former_uuids.push(former);
    }

    /// The number at our end of it.
    #[must_use]
    pub(crate) fn own_number(&self) -> Option<&str> {
        self.numbers.own(self.direction)
    }

    /// The Unique-ID it was created with.
    #[must_use]
    pub(crate) fn first_uuid(&self) -> &str {
        self.former_uuids.first().unwrap_or(&self.uuid)
    }

    /// A loopback channel, which is not a leg of its own: the party behind it is.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.channel_name.starts_with("loopback/")
    }

    /// The far end of this leg hung up; `None` when the switch does not say
    /// (FreeSWITCH: `sip_hangup_disposition`, set by `mod_sofia` alone).
    #[must_use]
    pub fn remote_hangup(&self) -> Option<bool> {
        let disposition = self.disposition.as_deref()?;
        if disposition.starts_with("recv_") {
            return Some(true);
        }
        disposition.starts_with("send_").then_some(false)
    }

    /// Down, with every recording closed.
    #[must_use]
    pub(crate) fn is_settled(&self) -> bool {
        self.phase == Phase::Down && self.recordings.iter().all(Recording::is_closed)
    }

    /// Its events left open what its CDR may tell, and that was not read yet.
    #[must_use]
    pub(crate) fn lacks_its_cdr(&self) -> bool {
        let unsure = !self.recordings_sure() || !self.numbers.sure() || self.may_lack_agents();
        !self.mended && unsure
    }

    /// Every recording of it is known.
    #[must_use]
    pub(crate) fn recordings_sure(&self) -> bool {
        let alike = self.had_gap() && self.marks.may_repeat();
        !self.recordings_unknown && !self.marks.tell_of_more() && !alike
    }

    /// A queue may have rung an agent for it while nobody listened, who did not answer.
    #[must_use]
    pub(crate) fn may_lack_agents(&self) -> bool {
        self.queued && self.had_gap()
    }

    /// Some of it was not seen.
    fn had_gap(&self) -> bool {
        self.gap || self.numbers.source != Source::Create
    }

    /// Its end is known with all details.
    #[must_use]
    pub(crate) fn has_ended(&self) -> bool {
        self.phase >= Phase::Told
    }

    /// All that it says was learnt from its own events, its beginning and its end included.
    #[must_use]
    pub(crate) fn is_witnessed(&self) -> bool {
        self.phase == Phase::Down && self.numbers.source == Source::Create && !self.mended
    }
}
