//! The headers behind the names of templates.

use super::{EXACT, FLOW_KEY, VARIABLE};

/// Returns the header behind `call.FIELD`; `None` if the field is not one header.
///
/// FreeSWITCH: `switch_channel.c` `switch_channel_event_set_basic_data`, `switch_caller.c`
/// `switch_caller_profile_event_set_data`.
pub(crate) fn call_header(field: &str) -> Option<&'static str> {
    Some(match field {
        "uuid" => "Unique-ID",
        "call_uuid" => "Channel-Call-UUID",
        "caller_number" => "Caller-Caller-ID-Number",
        "caller_name" => "Caller-Caller-ID-Name",
        "callee_number" => "Caller-Callee-ID-Number",
        "callee_name" => "Caller-Callee-ID-Name",
        "destination_number" | "routing_number" => "Caller-Destination-Number",
        "ani" => "Caller-ANI",
        "rdnis" => "Caller-RDNIS",
        "username" => "Caller-Username",
        "direction" => "Call-Direction",
        "context" => "Caller-Context",
        "dialplan" => "Caller-Dialplan",
        "account" => "variable_flow.account",
        "flow" => "variable_flow.name",
        "network_address" => "Caller-Network-Addr",
        "channel_name" => "Channel-Name",
        "answer_state" => "Answer-State",
        "switch" => "FreeSWITCH-Switchname",
        "created_us" | "created" => "Caller-Channel-Created-Time",
        "answered_us" | "answered" => "Caller-Channel-Answered-Time",
        _ => return None,
    })
}

/// Returns the headers that the lookup of a channel variable may read.
pub(crate) fn variable_headers(name: &str) -> Vec<String> {
    let mut headers = vec![format!("{VARIABLE}{name}")];
    if name.starts_with(FLOW_KEY) {
        headers.push(format!("{VARIABLE}{name}{EXACT}"));
    }
    headers
}

/// Returns the headers that `channel["name"]` may read.
pub(crate) fn channel_headers(name: &str) -> [String; 2] {
    [format!("{VARIABLE}{name}"), name.to_owned()]
}
