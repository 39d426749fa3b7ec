//! The channel variables whose value FreeSWITCH runs.

/// Whether the switch runs what a variable of this name holds, as an API
/// command, an application, or by sending the call to a dialplan that may be inline.
/// Whoever may choose such a name may run programs on the switch.
///
/// Names compare without case, as the switch does.
#[must_use]
pub fn executes(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    EXACT.contains(&name.as_str())
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || WITHIN.iter().any(|part| name.contains(part))
}

/// FreeSWITCH: `switch_types.h`.
const EXACT: &[&str] = &[
    "api_after_bridge",
    "api_before_bridge",
    "api_hangup_hook",
    "api_reporting_hook",
    "session_in_hangup_hook",
];

const PREFIXES: &[&str] = &[
    "bridge_pre_execute_",
    "exec_after_bridge_",
    "record_post_process_exec_",
    "transfer_after_",
];

const WITHIN: &[&str] = &["execute_on_", "api_on_"];
