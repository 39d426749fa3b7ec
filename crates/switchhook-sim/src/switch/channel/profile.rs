//! Who a channel is to others: its caller profile, and the other leg.

use super::{Channel, Text};
use crate::switch::template::OTHER_PROFILE;

/// What a transfer, a dial or a bridge changes of a caller profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::switch) struct Profile {
    /// The switch dialled this channel.
    pub outbound: bool,
    /// Counts profiles: a transfer makes a new one.
    pub index: u8,
    /// When it was made, if not with the channel; µs since 1970.
    pub created: Option<u64>,
    pub context: &'static str,
    pub rdnis: Option<String>,
    pub(crate) transfer_source: Option<String>,
    /// Who was called, once somebody was.
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

/// The leg at the other end of a bridge, or that dialled this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::switch) struct Peer {
    pub uuid: String,
    pub name: String,
    /// The number that was dialled.
    pub number: String,
    /// `originated_legs`, and `originate_causes`.
    pub legs: String,
    pub causes: String,
}

/// What a dialled leg is called (switch_ivr_originate.c).
const CALLEE_NAME: &str = "Outbound Call";

impl Channel {
    /// `transfer DESTINATION XML flows`: a new caller profile (switch_ivr.c
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

    /// This channel's profile as another one's events carry it. One that dials is shown
    /// without its moments.
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
