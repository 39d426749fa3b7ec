//! The direction of a channel, as FreeSWITCH counts it: seen from the switch.

use serde::{Deserialize, Serialize};

use super::headers::Headers;

/// The direction of a channel.
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
    /// Reads `Call-Direction`.
    #[must_use]
    pub fn of(headers: &dyn Headers) -> Self {
        match headers.get("Call-Direction").as_deref() {
            Some("inbound") => Self::Inbound,
            Some("outbound") => Self::Outbound,
            Some(_) | None => Self::Unknown,
        }
    }
}
