//! Caller and destination of a channel, as they were when it was created. A transfer changes the
//! numbers of later events, so numbers remember which event they are from.

use serde::{Deserialize, Serialize};

use super::direction::Direction;
use super::headers::{Headers, non_empty};

/// Where the numbers are from, the most reliable last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberSource {
    /// Nothing is known.
    #[default]
    None,
    /// From a later event; a transfer may have changed them.
    Later,
    /// From a later event that still shows the original numbers.
    Beginning,
    /// From `CHANNEL_CREATE`.
    Create,
}

/// The numbers of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// Where they are from.
    pub source: NumberSource,
    /// The caller asks that the number is not shown (`Privacy: id`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_private: bool,
    /// Caller id number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Caller id name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    /// Destination number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// `rn` of the destination: the number that carriers route by (RFC 4694).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_number: Option<String>,
    /// The dialplan context that the channel was created in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl Numbers {
    /// Reads the numbers of `CHANNEL_CREATE`.
    #[must_use]
    pub(crate) fn of_create(event: &dyn Headers) -> Self {
        let outbound = Direction::of(event) == Direction::Outbound;
        let user = non_empty(event, "variable_dialed_user").filter(|_| outbound);
        let destination = non_empty(event, "Caller-Destination-Number");
        let (destination, routing_number) = split(user.or(destination));
        Self {
            source: NumberSource::Create,
            is_private: is_private(event),
            caller: split(non_empty(event, "Caller-Caller-ID-Number")).0,
            caller_name: non_empty(event, "Caller-Caller-ID-Name"),
            destination,
            routing_number,
            context: non_empty(event, "Caller-Context"),
        }
    }

    /// Reads the numbers of any other event: the original ones as far as the event still shows
    /// them.
    ///
    /// A transfer gives the channel a new caller profile (`Caller-Profile-Index` counts them)
    /// with another destination. An answered outbound channel swaps its caller id for the
    /// callee's and keeps the one shown in `pre_transfer_caller_id_number` (FreeSWITCH:
    /// `switch_channel_flip_cid`). An inbound SIP channel keeps the number its INVITE asked for.
    #[must_use]
    pub(crate) fn of_later(event: &dyn Headers, inbound: bool) -> Self {
        let invited = non_empty(event, "variable_sip_req_user").filter(|_| inbound);
        let first_profile = is_first_profile(event);
        let is_reliable = first_profile || invited.is_some();
        let destination = match invited {
            Some(invited) if !first_profile => Some(invited),
            Some(_) | None => {
                let user = registered_user(event).filter(|_| !inbound);
                user.or_else(|| non_empty(event, "Caller-Destination-Number"))
            }
        };
        let (destination, routing_number) = split(destination);
        Self {
            source: if is_reliable {
                NumberSource::Beginning
            } else {
                NumberSource::Later
            },
            is_private: is_private(event),
            caller: split(first_caller(event, inbound)).0,
            caller_name: non_empty(event, "Caller-Caller-ID-Name"),
            destination,
            routing_number,
            // A transfer sets another context, and no header keeps the original.
            context: non_empty(event, "Caller-Context").filter(|_| first_profile),
        }
    }

    /// Drops the caller's number and name.
    pub(crate) fn withhold(&mut self) {
        self.caller = None;
        self.caller_name = None;
    }

    /// Returns our number: the number an inbound caller dialled, or the caller id that a called
    /// party sees.
    #[must_use]
    pub fn own(&self, direction: Direction) -> Option<&str> {
        match direction {
            Direction::Inbound => self.destination.as_deref(),
            Direction::Outbound => self.caller.as_deref(),
            Direction::Unknown => None,
        }
    }

    /// Takes `other` if its source is more reliable. Numbers of `CHANNEL_CREATE` are never
    /// overwritten.
    pub(crate) fn replace_if_better(&mut self, other: Self) {
        if other.source > self.source {
            *self = other;
        }
    }

    /// Returns whether the destination is the one that the channel was created with.
    #[must_use]
    pub fn is_reliable(&self) -> bool {
        self.source >= NumberSource::Beginning
    }
}

/// Returns whether the channel still has the caller profile that it was created with.
fn is_first_profile(event: &dyn Headers) -> bool {
    let index = event.get("Caller-Profile-Index");
    index.is_some_and(|index| index == "1")
}

/// Returns whether the caller asks that the number is not shown (FreeSWITCH: sofia.c reads
/// `Privacy`). A channel that another dials has its caller's wish.
#[must_use]
pub(crate) fn is_private(event: &dyn Headers) -> bool {
    event.get("Caller-Privacy-Hide-Number").as_deref() == Some("true")
}

/// Returns the user whose registered phone this channel dialled: the phone's contact may be any
/// text (FreeSWITCH: `mod_dptools.c`, `user_outgoing_channel`). The switch sets the variable on the
/// dialling channel too.
fn registered_user(event: &dyn Headers) -> Option<String> {
    let dials = event.variable("originated_legs").is_some();
    non_empty(event, "variable_dialed_user").filter(|_| !dials)
}

/// A dialled number as a SIP request carries it: `+4930555000;npdi;rn=+4930999000` (RFC 3966,
/// RFC 4694).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialledNumber<'a> {
    /// The number without its parameters.
    pub number: &'a str,
    /// The parameter `rn`: the number by which a ported number is routed.
    pub routing: Option<&'a str>,
}

impl<'a> DialledNumber<'a> {
    /// Splits a number from its parameters. Other text, such as a name, stays whole.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let whole = Self {
            number: text,
            routing: None,
        };
        let Some((number, parameters)) = text.split_once(';') else {
            return whole;
        };
        let is_digit = |c: char| c.is_ascii_digit() || "+*#-.()".contains(c);
        if number.is_empty() || !number.chars().all(is_digit) {
            return whole;
        }
        let mut parameters = parameters.split(';').filter_map(|one| one.split_once('='));
        let routing = parameters.find(|(name, _)| name.eq_ignore_ascii_case("rn"));
        let routing = routing.map(|(_, value)| value);
        Self {
            number,
            routing: routing.filter(|value| !value.is_empty()),
        }
    }
}

/// Returns a number without its parameters, and its routing number. Parameters alone are no number.
fn split(number: Option<String>) -> (Option<String>, Option<String>) {
    let Some(text) = number.filter(|text| !text.starts_with(';')) else {
        return (None, None);
    };
    let DialledNumber { number, routing } = DialledNumber::of(&text);
    let routing = routing.map(str::to_owned);
    (Some(number.to_owned()), routing)
}

/// Returns the caller id from before a bridge changed it. An inbound channel's ANI does not
/// change (`mod_sofia` takes it from the INVITE). An outbound channel's original caller id is its
/// dialler's, which need not be the one that it shows.
fn first_caller(event: &dyn Headers, inbound: bool) -> Option<String> {
    let swapped = event.variable("channel_cid_flipped").is_some();
    let as_created = !inbound && !swapped && is_first_profile(event);
    let name = if swapped {
        Some("variable_pre_transfer_caller_id_number")
    } else {
        as_created.then_some("Caller-Caller-ID-Number")
    };
    name.and_then(|name| non_empty(event, name))
        .or_else(|| non_empty(event, "Caller-Orig-Caller-ID-Number"))
        .or_else(|| non_empty(event, "Caller-ANI").filter(|_| inbound))
        .or_else(|| non_empty(event, "Caller-Caller-ID-Number"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn event(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
        let headers = headers.iter();
        headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_number_is_read_without_its_parameters() {
        for (number, plain, routing) in [
            ("+4930555000", Some("+4930555000"), None),
            ("*21#", Some("*21#"), None),
            ("+4930555000;npdi", Some("+4930555000"), None),
            (
                "+4930555000;npdi;rn=+49199",
                Some("+4930555000"),
                Some("+49199"),
            ),
            (
                "+4930555000;rn=+49199;npdi",
                Some("+4930555000"),
                Some("+49199"),
            ),
            (";npdi", None, None),
            ("4930;rn=", Some("4930"), None),
        ] {
            let event = event(&[("Caller-Destination-Number", number)]);
            let created = Numbers::of_create(&event);
            assert_eq!(created.destination.as_deref(), plain, "{number}");
            assert_eq!(created.routing_number.as_deref(), routing, "{number}");
            let later = Numbers::of_later(&event, true);
            assert_eq!(later.destination.as_deref(), plain, "{number}");
        }
    }

    #[test]
    fn the_phone_of_a_user_is_called_by_the_user_and_not_by_its_contact() {
        let contact = [
            ("Caller-Destination-Number", "1002-0x55cbdcc5dd50"),
            ("variable_dialed_user", "1002"),
        ];
        let dialled = event(&[contact[0], contact[1], ("Call-Direction", "outbound")]);
        assert_eq!(
            Numbers::of_create(&dialled).destination.as_deref(),
            Some("1002")
        );
        // The channel that dials has the variable too.
        let caller = event(&[
            ("Caller-Destination-Number", "7001"),
            ("variable_dialed_user", "1002"),
            ("variable_originated_legs", "a;b;c"),
            ("Call-Direction", "inbound"),
        ]);
        assert_eq!(
            Numbers::of_create(&caller).destination.as_deref(),
            Some("7001")
        );
        assert_eq!(
            Numbers::of_later(&caller, false).destination.as_deref(),
            Some("7001")
        );
    }

    #[test]
    fn a_number_loses_its_parameters_and_a_name_keeps_them() {
        for (text, number, routing) in [
            ("+4930555000", "+4930555000", None),
            ("+4930555000;npdi", "+4930555000", None),
            (
                "+4930555000;npdi;rn=+4930999000",
                "+4930555000",
                Some("+4930999000"),
            ),
            (
                "4930555000;RN=4930999000;rn-context=+49",
                "4930555000",
                Some("4930999000"),
            ),
            ("4930555000;rn=", "4930555000", None),
            ("*21#", "*21#", None),
            ("*21*4930;npdi", "*21*4930", None),
            ("alice;rn=1", "alice;rn=1", None),
            (";npdi", ";npdi", None),
            ("", "", None),
        ] {
            let expected = DialledNumber { number, routing };
            assert_eq!(DialledNumber::of(text), expected, "{text}");
        }
    }
}
