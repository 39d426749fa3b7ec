//! Who called whom, as it was when the channel was created.

use serde::{Deserialize, Serialize};

use super::headers::Headers;
use super::leg::Direction;

/// How sure the numbers are, best last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nothing is known.
    #[default]
    None,
    /// From a later event: a transfer may have changed them.
    Later,
    /// From a later event that still shows those of the beginning.
    Beginning,
    /// From `CHANNEL_CREATE`.
    Create,
}

/// The numbers of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// Where they are from.
    pub source: Source,
    /// Caller id number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Caller id name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    /// Destination number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// The context of the dialplan that the channel came in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl Numbers {
    /// The numbers of `CHANNEL_CREATE`.
    #[must_use]
    pub(crate) fn of_create(event: &dyn Headers) -> Self {
        Self {
            source: Source::Create,
            caller: text(event, "Caller-Caller-ID-Number"),
            caller_name: text(event, "Caller-Caller-ID-Name"),
            destination: text(event, "Caller-Destination-Number"),
            context: text(event, "Caller-Context"),
        }
    }

    /// The numbers of any other event: those of the beginning as far as it still shows them.
    ///
    /// A transfer gives the channel a new caller profile (`Caller-Profile-Index` counts them)
    /// with another destination. An answered outbound channel swaps its caller id for the
    /// callee's and keeps the one shown in `pre_transfer_caller_id_number` (FreeSWITCH:
    /// `switch_channel_flip_cid`). An inbound SIP channel keeps what its INVITE asked for.
    #[must_use]
    pub(crate) fn of_later(event: &dyn Headers, inbound: bool) -> Self {
        let invited = text(event, "variable_sip_req_user").filter(|_| inbound);
        let first_profile = event
            .get("Caller-Profile-Index")
            .is_some_and(|index| index == "1");
        let sure = first_profile || invited.is_some();
        let destination = match invited {
            Some(number) if !first_profile => Some(number),
            Some(_) | None => text(event, "Caller-Destination-Number"),
        };
        Self {
            source: if sure {
                Source::Beginning
            } else {
                Source::Later
            },
            caller: first_caller(event, inbound),
            caller_name: text(event, "Caller-Caller-ID-Name"),
            destination,
            // A transfer gives another, and which it was before nothing says.
            context: text(event, "Caller-Context").filter(|_| first_profile),
        }
    }

    /// The number at our end: what was called, or what the called one sees.
    #[must_use]
    pub fn own(&self, direction: Direction) -> Option<&str> {
        match direction {
            Direction::Inbound => self.destination.as_deref(),
            Direction::Outbound => self.caller.as_deref(),
            Direction::Unknown => None,
        }
    }

    /// Takes `other` when it is surer: what `CHANNEL_CREATE` said is never overwritten.
    pub(crate) fn improve(&mut self, other: Self) {
        if other.source > self.source {
            *self = other;
        }
    }

    /// The destination is the one that was asked for when the channel was created.
    #[must_use]
    pub fn sure(&self) -> bool {
        self.source >= Source::Beginning
    }
}

/// The caller id as it was before a bridge changed it. Of an inbound channel the ANI is not
/// changed (`mod_sofia` takes it from the INVITE).
fn first_caller(event: &dyn Headers, inbound: bool) -> Option<String> {
    let swapped = event.variable("channel_cid_flipped").is_some();
    swapped
        .then(|| text(event, "variable_pre_transfer_caller_id_number"))
        .flatten()
        .or_else(|| text(event, "Caller-Orig-Caller-ID-Number"))
        .or_else(|| text(event, "Caller-ANI").filter(|_| inbound))
        .or_else(|| text(event, "Caller-Caller-ID-Number"))
}

/// A header's value unless it is absent or empty.
pub(super) fn text(event: &dyn Headers, name: &str) -> Option<String> {
    event
        .get(name)
        .filter(|value| !value.is_empty())
        .map(std::borrow::Cow::into_owned)
}
