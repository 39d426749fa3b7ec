//! One channel of the switch, from its events or its CDR. It is stored as JSON while
//! its call lasts: fields may be added, unknown ones are ignored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::flow_vars::{FlowVars, KeyLimits};
use super::headers::Headers;
use super::links;
use super::numbers::{Numbers, Source, text};
use super::recording::Recording;

/// What a set of headers says about its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `CHANNEL_CREATE`.
    Create,
    /// `CHANNEL_HANGUP`: the leg is going down, its details are not known yet.
    Hangup,
    /// `CHANNEL_HANGUP_COMPLETE`: down, with all details.
    Complete,
    /// `CHANNEL_DESTROY`: the same, and nothing follows.
    Destroy,
    /// `RECORD_START`.
    RecordStart,
    /// `RECORD_STOP`.
    RecordStop,
    /// A CDR, see [`super::cdr`].
    Cdr,
    /// Any other event of a channel, or its `uuid_dump` or `connect` reply.
    Other,
    /// `CUSTOM`: may be about a channel, never founds one.
    Custom,
}

impl Kind {
    /// The kind of an event, by its `Event-Name`.
    #[must_use]
    pub fn of(event: &dyn Headers) -> Self {
        match event.get("Event-Name").as_deref() {
            Some("CHANNEL_CREATE") => Self::Create,
            Some("CHANNEL_HANGUP") => Self::Hangup,
            Some("CHANNEL_HANGUP_COMPLETE") => Self::Complete,
            Some("CHANNEL_DESTROY") => Self::Destroy,
            Some("RECORD_START") => Self::RecordStart,
            Some("RECORD_STOP") => Self::RecordStop,
            Some(super::cdr::EVENT_NAME) => Self::Cdr,
            Some(name) if name.starts_with("CHANNEL_") => Self::Other,
            Some(_) | None => Self::Custom,
        }
    }

    /// Says all that there is to say about the leg's end.
    fn is_final(self) -> bool {
        matches!(self, Self::Complete | Self::Destroy | Self::Cdr)
    }
}

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
    pub former_uuids: Vec<String>,
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
    pub account_code: Option<String>,
    /// `Event-Sequence` of `CHANNEL_CREATE`: the order of legs created in the same tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_sequence: Option<u64>,
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
    pub hints: BTreeSet<String>,
    /// The other half of a loopback pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loopback_peer: Option<String>,
    /// The flow's variables.
    pub flow: FlowVars,
    /// Its recordings, in the order of their start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Recording>,
    /// A CDR tells of a recording whose path it does not tell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recordings_unknown: bool,
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

    /// The leg as one set of headers shows it: the `connect` reply, a `uuid_dump`.
    #[must_use]
    pub fn snapshot(headers: &dyn Headers, limits: &Limits) -> Self {
        let uuid = headers.get("Unique-ID").unwrap_or_default();
        let mut leg = Self::new(&uuid);
        leg.absorb(Kind::Other, headers, limits);
        leg
    }

    /// Takes in what `event` says. Facts once learnt stay; variables follow the newest
    /// event until the leg is down. The same event twice, or an older one late, changes nothing.
    pub fn absorb(&mut self, kind: Kind, event: &dyn Headers, limits: &Limits) {
        let newest = self.is_newest(event) && self.phase != Phase::Down;
        self.fill(kind, event);
        links::collect(event, &mut self.links, &mut self.hints, limits.links);
        self.links.remove(&self.uuid);
        self.hints.remove(&self.uuid);
        self.number(kind, event);
        if newest {
            self.refresh(event, limits);
        }
        self.record(kind, event, limits);
        self.advance(kind);
    }

    /// What is learnt once.
    fn fill(&mut self, kind: Kind, event: &dyn Headers) {
        let first = self.created_us.is_none();
        if first || kind == Kind::Create {
            fill(&mut self.originator, || text(event, "variable_originator"));
        }
        if self.switch.is_empty() {
            self.switch = text(event, "FreeSWITCH-Switchname").unwrap_or_default();
        }
        if self.channel_name.is_empty() {
            self.channel_name = text(event, "Channel-Name").unwrap_or_default();
        }
        if self.direction == Direction::Unknown {
            self.direction = direction(event);
        }
        fill(&mut self.created_us, || time(event, "Created"));
        fill(&mut self.answered_us, || time(event, "Answered"));
        fill(&mut self.ended_us, || time(event, "Hangup"));
        fill(&mut self.loopback_peer, || {
            text(event, "variable_other_loopback_leg_uuid")
        });
        fill(&mut self.q850, || {
            event.variable("hangup_cause_q850")?.parse().ok()
        });
        fill(&mut self.cause, || text(event, "Hangup-Cause"));
    }

    fn number(&mut self, kind: Kind, event: &dyn Headers) {
        if kind == Kind::Create {
            self.numbers.improve(Numbers::of_create(event));
            fill(&mut self.create_sequence, || count(event, "Event-Sequence"));
        } else if self.numbers.source < Source::Beginning {
            let inbound = self.direction == Direction::Inbound;
            self.numbers.improve(Numbers::of_later(event, inbound));
        }
    }

    /// What follows the newest event.
    fn refresh(&mut self, event: &dyn Headers, limits: &Limits) {
        if let Some(flow) = FlowVars::read(event, &limits.keys) {
            self.flow = flow;
        }
        if let Some(disposition) = text(event, "variable_sip_hangup_disposition") {
            self.disposition = Some(disposition);
        }
        if let Some(code) = text(event, "variable_accountcode") {
            self.account_code = Some(code);
        }
    }

    fn record(&mut self, kind: Kind, event: &dyn Headers, limits: &Limits) {
        let sequence = count(event, "Event-Sequence").unwrap_or(0);
        let path = || text(event, "Record-File-Path");
        match kind {
            Kind::RecordStart => {
                if let Some(recording) = self.recording(path(), limits) {
                    recording.started = recording.started.max(sequence);
                }
            }
            Kind::RecordStop => {
                if let Some(recording) = self.recording(path(), limits) {
                    recording.stopped = Some(recording.stopped.unwrap_or(0).max(sequence));
                }
            }
            // The channel is gone and with it what recorded it.
            Kind::Destroy | Kind::Cdr => {
                for recording in &mut self.recordings {
                    recording.close();
                }
                let told = event.variable("record_file_size").is_some();
                self.recordings_unknown |= told && self.recordings.is_empty();
            }
            Kind::Create | Kind::Hangup | Kind::Complete | Kind::Other | Kind::Custom => {}
        }
    }

    fn recording(&mut self, path: Option<String>, limits: &Limits) -> Option<&mut Recording> {
        let path = path?;
        let known = self.recordings.iter().position(|one| one.path == path);
        let index = match known {
            Some(index) => index,
            None if self.recordings.len() >= limits.recordings => {
                self.recordings_unknown = true;
                return None;
            }
            None => {
                self.recordings.push(Recording::new(path));
                self.recordings.len() - 1
            }
        };
        self.recordings.get_mut(index)
    }

    fn advance(&mut self, kind: Kind) {
        let reached = match kind {
            kind if kind.is_final() => Phase::Down,
            Kind::Hangup => Phase::HangingUp,
            // It speaks, so it was not lost.
            _ if self.phase == Phase::Lost => {
                self.phase = Phase::Up;
                return;
            }
            _ => return,
        };
        self.phase = self.phase.max(reached);
    }

    /// Whether no newer event was seen before this one; remembers it.
    fn is_newest(&mut self, event: &dyn Headers) -> bool {
        let Some(sequence) = count(event, "Event-Sequence") else {
            return true;
        };
        let core = event.get("Core-UUID").unwrap_or_default();
        if self.core != core {
            self.core = core.into_owned();
            self.sequence = 0;
        }
        let newest = sequence >= self.sequence;
        self.sequence = self.sequence.max(sequence);
        newest
    }

    /// The channel has a new Unique-ID.
    pub fn rename(&mut self, uuid: &str) {
        let former = std::mem::replace(&mut self.uuid, uuid.to_owned());
        self.former_uuids.push(former);
    }

    /// The Unique-ID it was created with.
    #[must_use]
    pub fn first_uuid(&self) -> &str {
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
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Down && self.recordings.iter().all(Recording::is_closed)
    }
}

fn fill<T>(slot: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if slot.is_none() {
        *slot = value();
    }
}

fn direction(event: &dyn Headers) -> Direction {
    match event.get("Call-Direction").as_deref() {
        Some("inbound") => Direction::Inbound,
        Some("outbound") => Direction::Outbound,
        Some(_) | None => Direction::Unknown,
    }
}

/// A time of the caller profile in µs; the switch writes 0 for what has not happened.
fn time(event: &dyn Headers, what: &str) -> Option<i64> {
    let value = event.get(&format!("Caller-Channel-{what}-Time"))?;
    value.parse().ok().filter(|us| *us > 0)
}

fn count(event: &dyn Headers, name: &str) -> Option<u64> {
    event.get(name)?.parse().ok()
}
