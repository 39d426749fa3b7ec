//! What the switch says about a call that left its hold without us.

use switchhook_core::headers::Headers;

/// The channel variable that each transfer and each bridge by UUID writes anew:
/// `SECONDS:UUID:KIND:TARGET` (FreeSWITCH: switch_ivr.c, switch_ivr_bridge.c).
pub(crate) const TRANSFER_SOURCE: &str = "transfer_source";

/// The number of the state in which a channel is parked without a dialplan. The name that an event
/// gives is that of the state before; the number is the new one (measured).
const CS_PARK: &str = "6";
/// The `Answer-State` of a channel that is hung up.
const HUNG_UP: &str = "hangup";
/// How the extension begins that the shipped hook schedules as its way out.
const WAY_OUT: &str = "way-out-";

/// The content of a `CHANNEL_UNPARK` event that concerns a call on hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unpark {
    /// The channel's [`TRANSFER_SOURCE`].
    pub(crate) source: Option<String>,
    /// Whether the channel goes to a park without a dialplan, as `uuid_park` sends it.
    pub(crate) to_park: bool,
}

impl Unpark {
    /// Reads the event. Returns `None` if the channel left its park because it was hung up.
    pub(crate) fn read(headers: &dyn Headers) -> Option<Self> {
        if headers.get("Answer-State").as_deref() == Some(HUNG_UP) {
            return None;
        }
        let variable = headers.variable(TRANSFER_SOURCE);
        Some(Self {
            source: variable.map(std::borrow::Cow::into_owned),
            to_park: headers.get("Channel-State-Number").as_deref() == Some(CS_PARK),
        })
    }

    /// Returns whether the shipped hook's way out moved the call.
    pub(crate) fn is_by_way_out(&self) -> bool {
        let target = self.source.as_deref().and_then(kind_and_target);
        target.is_some_and(|(_, target)| target.starts_with(WAY_OUT))
    }

    /// Returns who has the call, if the switch says so. `before` is the call's [`transfer_id`] at
    /// its hand-over.
    pub(crate) fn taken_by(&self, before: Option<&str>) -> Option<String> {
        let source = self.source.as_deref();
        let source = source.filter(|source| transfer_id(source) != before);
        match source.and_then(kind_and_target) {
            Some(("uuid_br", peer)) => Some(format!("bridged with {peer}")),
            Some((_, target)) => Some(format!("transferred to {target}")),
            None => self.to_park.then(|| "parked".to_owned()),
        }
    }
}

/// How a channel left its park.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParkExit {
    /// It was hung up.
    HungUp,
    /// It was moved, by this service or by another program.
    MovedOn(Unpark),
}

impl ParkExit {
    /// Reads a `CHANNEL_UNPARK` event.
    pub(crate) fn of_unpark(headers: &dyn Headers) -> Self {
        Unpark::read(headers).map_or(Self::HungUp, Self::MovedOn)
    }
}

/// Returns the part of a [`TRANSFER_SOURCE`] that tells one transfer from another. It has no
/// character that a `connect` reply leaves ambiguous; the target may.
pub(crate) fn transfer_id(source: &str) -> Option<&str> {
    let (seconds, rest) = source.split_once(':')?;
    let uuid = rest.find(':').unwrap_or(rest.len());
    Some(&source[..seconds.len() + 1 + uuid])
}

fn kind_and_target(source: &str) -> Option<(&str, &str)> {
    source.splitn(3, ':').nth(2)?.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_says_who_took_the_call() {
        const BRIDGE: &str = "1795990777:35d4181c:uuid_br:2954990c";
        const BLIND: &str = "1795990771:cac4f32b:bl_xfer:br/lab/XML";
        let rows = [
            (Some(BRIDGE), false, None, Some("bridged with 2954990c")),
            (Some(BLIND), false, None, Some("transferred to br/lab/XML")),
            // The transfer that brought the call to the hook.
            (Some(BLIND), false, Some("1795990771:cac4f32b"), None),
            (
                Some(BRIDGE),
                false,
                Some("1795990771:cac4f32b"),
                Some("bridged with 2954990c"),
            ),
            (None, true, None, Some("parked")),
            (
                Some(BLIND),
                true,
                Some("1795990771:cac4f32b"),
                Some("parked"),
            ),
            (None, false, None, None),
            (Some("no colon"), false, None, None),
        ];
        for (source, to_park, before, taken_by) in rows {
            let source = source.map(str::to_owned);
            let unpark = Unpark { source, to_park };
            assert_eq!(
                unpark.taken_by(before).as_deref(),
                taken_by,
                "{unpark:?} after {before:?}"
            );
        }
    }

    #[test]
    fn the_hooks_own_way_out_is_told_from_a_transfer() {
        for (source, is_by_way_out) in [
            (
                Some("1795990771:cac4f32b:bl_xfer:way-out-slow/switchhook/XML"),
                true,
            ),
            (Some("1795990771:cac4f32b:bl_xfer:br/lab/XML"), false),
            (Some("1795990771:cac4f32b:uuid_br:2954990c"), false),
            (None, false),
        ] {
            let source = source.map(str::to_owned);
            let unpark = Unpark {
                source,
                to_park: false,
            };
            assert_eq!(unpark.is_by_way_out(), is_by_way_out, "{unpark:?}");
        }
    }

    #[test]
    fn a_transfer_is_told_by_its_time_and_uuid() {
        assert_eq!(transfer_id("17:ab:bl_xfer:1%2523/x/XML"), Some("17:ab"));
        assert_eq!(transfer_id("17:ab"), Some("17:ab"));
        assert_eq!(transfer_id(""), None);
    }
}
