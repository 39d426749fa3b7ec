//! Holds a channel's caller profile and its other leg's.

use super::{Channel, Text};
use crate::switch::template::OTHER_PROFILE;

/// The parts of a caller profile that a transfer, a dial or a bridge changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::switch) struct Profile {
    /// Whether the switch dialled this channel.
    pub outbound: bool,
    /// The profile's number: a transfer makes a new profile.
    pub index: u8,
    /// When the profile was made, if not with the channel; µs since 1970.
    pub created: Option<u64>,
    pub context: &'static str,
    pub rdnis: Option<String>,
    pub(crate) transfer_source: Option<String>,
    /// The number that was called, once the call has a callee.
    pub callee: Option<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            outbound: false,
            index: 1,
            created: None,
            context: "public",
            rdnis: None,
            transfer_source: None,
            callee: None,
        }
    }
}

/// The leg at the other end of a bridge, or the leg that dialled this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::switch) struct Peer {
    pub uuid: String,
    pub name: String,
    /// The dialled number.
    pub number: String,
    /// The values of `originated_legs` and `originate_causes`.
    pub legs: String,
    pub causes: String,
}

/// The callee name of a dialled leg (switch_ivr_originate.c).
const CALLEE_NAME: &str = "Outbound Call";

impl Channel {
    /// Applies `transfer DESTINATION XML flows`, which makes a new caller profile (switch_ivr.c
    /// `switch_ivr_session_transfer`).
    pub(in crate::switch) fn transfer(&mut self, destination: &str, job: &str) {
        let now = super::micros();
        let seconds = now / 1_000_000;
        let source = format!("{seconds}:{job}:bl_xfer:{destination}/flows/XML");
        let before = std::mem::replace(&mut self.party.destination, destination.to_owned());
        self.profile = Profile {
            index: self.profile.index + 1,
            created: Some(now),
            context: "flows",
            rdnis: Some(before),
            transfer_source: Some(source.clone()),
            ..self.profile.clone()
        };
        self.set("max_forwards", "69");
        self.set("transfer_history", source.clone());
        self.set("transfer_source", source);
        self.set("call_uuid", self.uuid.clone());
    }

    /// Applies `uuid_bridge` with `peer`, which makes a new caller profile, too (switch_ivr_bridge.c
    /// `switch_ivr_uuid_bridge`).
    pub(in crate::switch) fn join(&mut self, peer: &str, job: &str) {
        let now = super::micros();
        let source = format!("{}:{job}:uuid_br:{peer}", now / 1_000_000);
        self.profile = Profile {
            index: self.profile.index + 1,
            created: Some(now),
            transfer_source: Some(source.clone()),
            ..self.profile.clone()
        };
        self.set("transfer_history", source.clone());
        self.set("transfer_source", source);
    }

    /// Returns this channel's profile as the other leg's events carry it. The times of an
    /// originator are 0.
    pub(in crate::switch) fn as_other(&self, kind: &'static str) -> Vec<(Text, Text)> {
        let dials = kind == "originator";
        let moments = ["created", "profile_created", "answered", "progress"];
        let further = ["progress_media", "hungup", "transferred", "bridged"];
        let field = |name: &str| match name {
            "profile_index" | "transfer_source" => None,
            "logical_direction" => Some("inbound".into()),
            "bridged" => Some("0".into()),
            "callee" | "callee_name" if dials => None,
            name if dials && (moments.contains(&name) || further.contains(&name)) => {
                Some("0".into())
            }
            name => self.field(name),
        };
        let kind = (Text::from("Other-Type"), Text::from(kind));
        std::iter::once(kind)
            .chain(OTHER_PROFILE.render(&field))
            .collect()
    }

    pub(super) fn profile_field(&self, name: &str) -> Option<String> {
        let profile = &self.profile;
        let outbound = profile.outbound;
        Some(match name {
            "direction" | "logical_direction" if outbound => "outbound".into(),
            "direction" | "logical_direction" => "inbound".into(),
            "hit_dialplan" => (!outbound).to_string(),
            "profile_index" => profile.index.to_string(),
            "profile_created" => profile.created.unwrap_or(self.times.created).to_string(),
            "context" => profile.context.into(),
            "rdnis" => profile.rdnis.clone()?,
            "transfer_source" => profile.transfer_source.clone()?,
            "callee" => profile.callee.clone()?,
            "callee_name" => profile.callee.as_ref().map(|_| CALLEE_NAME.into())?,
            _ => return None,
        })
    }

    pub(super) fn peer_field(&self, name: &str) -> Option<String> {
        let peer = self.peer.as_ref()?;
        Some(match name {
            "peer" => peer.uuid.clone(),
            "peer_name" => peer.name.clone(),
            "agent" => peer.number.clone(),
            "dialled_legs" => peer.legs.clone(),
            "dialled_causes" => peer.causes.clone(),
            _ => return None,
        })
    }
}
