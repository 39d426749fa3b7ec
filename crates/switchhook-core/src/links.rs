//! Finds the other channels that an event names; these links hold the legs of a call together.
//!
//! `Channel-Call-UUID` is not one of them: after a blind transfer it names the leg itself.

use std::collections::BTreeSet;

use super::headers::Headers;

/// Headers that name a channel of the same call which lives or lived on this switch.
///
/// FreeSWITCH: `switch_ivr_originate.c` (originator, originating leg, enterprise originate),
/// `switch_ivr_bridge.c` (bridges), `mod_loopback.c`. `mod_callcenter.c` and `mod_fifo.c` dial an
/// agent without an originator; the last two headers are the only link to the caller.
const CHANNELS: [&str; 13] = [
    "Other-Leg-Unique-ID",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "variable_originator",
    "variable_originating_leg_uuid",
    "variable_ent_originate_aleg_uuid",
    "variable_signal_bond",
    "variable_bridge_uuid",
    "variable_other_loopback_leg_uuid",
    "variable_other_loopback_from_uuid",
    "variable_loopback_bowout_other_uuid",
    "variable_cc_member_session_uuid",
    "variable_fifo_bridge_uuid",
];

/// The header that names the channel with which this one was bridged last.
const LAST_BRIDGE: &str = "variable_last_bridge_to";

/// Headers that name a channel which a transfer touches (FreeSWITCH: `sofia.c`, REFER and the
/// events `sofia::transferor` and `sofia::transferee`; `mod_dptools.c`, `att_xfer`). Some hold a
/// SIP call id instead, so the ledger does not wait for these channels.
const HINTS: [&str; 8] = [
    "variable_refer_uuid",
    "variable_holding_uuid",
    "variable_soft_holding_uuid",
    "variable_att_xfer_kill_uuid",
    "att_xfer_original_call_id",
    "att_xfer_destination_call_id",
    "att_xfer_destination_peer_uuid",
    "att_xfer_replaced_call_id",
];

/// The other party of a REFER, as `att:uuid`, `satt:uuid` or `blind:uuid`.
const TRANSFERRED: &str = "variable_transfer_to";

/// Every leg that this channel dialled, as `uuid;name;number`; several as an array.
const DIALLED: &str = "variable_originated_legs";

/// Adds the channels that `event` names to `links`, and possible ones to `hints`; at most `limit`
/// each. Returns the channel with which this one was bridged last.
pub(crate) fn collect(
    event: &dyn Headers,
    links: &mut BTreeSet<String>,
    hints: &mut BTreeSet<String>,
    limit: usize,
) -> Option<String> {
    for name in CHANNELS {
        if let Some(uuid) = event.get(name) {
            add(links, &uuid, limit);
        }
    }
    if let Some(list) = event.get(DIALLED) {
        for entry in elements(&list) {
            let uuid = entry.split(';').next().unwrap_or_default();
            add(links, uuid, limit);
        }
    }
    for name in HINTS {
        if let Some(uuid) = event.get(name) {
            add(hints, &uuid, limit);
        }
    }
    let transferred = event.get(TRANSFERRED);
    if let Some((_, uuid)) = transferred.as_deref().and_then(|to| to.split_once(':')) {
        add(hints, uuid, limit);
    }
    let bridged = event.get(LAST_BRIDGE).filter(|uuid| !uuid.is_empty())?;
    add(links, &bridged, limit);
    Some(bridged.into_owned())
}

fn add(set: &mut BTreeSet<String>, uuid: &str, limit: usize) {
    let plausible = !uuid.is_empty() && uuid.len() <= 256;
    if plausible && set.len() < limit && !set.contains(uuid) {
        set.insert(uuid.to_owned());
    }
}

/// Splits a channel variable that may be an array: `ARRAY::a|:b` in plain events and CDR files, a
/// JSON array in JSON events.
fn elements(value: &str) -> Vec<String> {
    if let Some(list) = value.strip_prefix("ARRAY::") {
        return list.split("|:").map(str::to_owned).collect();
    }
    if value.starts_with('[')
        && let Ok(list) = serde_json::from_str(value)
    {
        return list;
    }
    vec![value.to_owned()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn links_of(name: &str, value: &str) -> Vec<String> {
        let event = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let (mut links, mut hints) = (BTreeSet::new(), BTreeSet::new());
        let _ = collect(&event, &mut links, &mut hints, 3);
        links.into_iter().collect()
    }

    #[test]
    fn dialled_legs_are_read_alone_and_from_both_forms_of_an_array() {
        assert_eq!(links_of(DIALLED, "a;Outbound Call;1"), ["a"]);
        assert_eq!(links_of(DIALLED, "ARRAY::a;x;1|:b;y|z;2"), ["a", "b"]);
        assert_eq!(links_of(DIALLED, r#"["a;x;1","b;y;2"]"#), ["a", "b"]);
    }

    #[test]
    fn channel_call_uuid_links_nothing() {
        assert!(links_of("Channel-Call-UUID", "a").is_empty());
        assert!(links_of("variable_call_uuid", "a").is_empty());
    }

    #[test]
    fn the_number_of_links_is_limited() {
        assert_eq!(links_of(DIALLED, "ARRAY::a|:b|:c|:d|:e").len(), 3);
    }
}
