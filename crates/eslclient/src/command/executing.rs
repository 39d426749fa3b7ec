//! The channel variables whose value FreeSWITCH executes.

/// Returns whether the switch executes the value of a variable with this name.
///
/// Such a value is an API command, a shell command, an application, a dial string or a
/// destination in a dialplan. A free choice of such a name allows any program on the switch.
///
/// Names match in any case, as in FreeSWITCH. A few harmless names that begin like these
/// count as well.
pub(super) fn is_executing_variable(name: &str) -> bool {
    let name = name.as_bytes();
    begins_like_one(name)
        && PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
}

/// Returns whether the first two bytes are letters that some prefix has there. Every variable of
/// every call is checked, and most are ruled out here.
fn begins_like_one(name: &[u8]) -> bool {
    const FIRST: u32 = letters_at(0);
    const SECOND: u32 = letters_at(1);
    let is_among = |byte: u8, letters: u32| {
        let letter = byte.to_ascii_lowercase().wrapping_sub(b'a');
        letter < 26 && letters & (1 << letter) != 0
    };
    matches!(name, [first, second, ..] if is_among(*first, FIRST) && is_among(*second, SECOND))
}

/// Returns the letters at a position of the prefixes, one bit each.
const fn letters_at(position: usize) -> u32 {
    let mut letters = 0;
    let mut at = 0;
    while at < PREFIXES.len() {
        letters |= 1 << (PREFIXES[at].as_bytes()[position] - b'a');
        at += 1;
    }
    letters
}

/// The beginnings of such names.
///
/// `switch_channel_execute_on` and `switch_channel_api_on` use every variable that begins with
/// theirs, so `api_after_bridge_2` counts too.
const PREFIXES: &[&str] = &[
    // switch_types.h
    "api_after_bridge",
    "api_before_bridge",
    "api_hangup_hook",
    "api_on_",
    "api_reporting_hook",
    "exec_after_bridge",
    "execute_on_",
    "record_post_process_exec",
    "session_in_hangup_hook",
    "transfer_after_",
    // switch_ivr_bridge.c, switch_ivr_originate.c, switch_channel.c, switch_ivr.c
    "bridge_pre_execute",
    "force_transfer_",
    "group_confirm_",
    "hold_hangup_xfer_",
    "park_timeout",
    "transfer_fallback_",
    "transfer_on_fail",
    // switch_core_media.c, when a fax arrives
    "sip_api_on_",
    "sip_execute_on_",
    // mod_spandsp: a shell command
    "system_on_fax_",
    // other modules: loopback runs an application instead of a dialplan, the others transfer
    // or originate
    "campon_fallback_",
    "conference_auto_outcall",
    "fifo_orbit_",
    "inbound_dialplan",
    "loopback_app",
    "mutex_orbit_",
    "native_backup_extension",
    "page_exten",
    "sip_redirect_dialplan",
    "valet_parking_orbit_",
    "vm_operator_extension",
    "voicemail_callback_",
];

#[cfg(test)]
mod tests {
    use super::is_executing_variable;

    #[test]
    fn every_executing_variable_of_switch_types_h_is_known_in_any_case() {
        let names = "record_post_process_exec_app record_post_process_exec_api execute_on_answer \
            execute_on_pre_answer execute_on_media execute_on_ring execute_on_tone_detect \
            execute_on_originate execute_on_post_originate execute_on_pre_originate \
            execute_on_pre_bridge execute_on_post_bridge api_on_answer api_on_pre_answer \
            api_on_media api_on_ring api_on_tone_detect api_on_originate api_on_post_originate \
            api_on_pre_originate api_after_bridge api_before_bridge api_hangup_hook \
            api_reporting_hook session_in_hangup_hook transfer_after_bridge \
            transfer_after_early_bridge exec_after_bridge_app exec_after_bridge_arg";
        for name in names.split_whitespace() {
            assert!(is_executing_variable(name), "{name}");
            assert!(
                is_executing_variable(&name.to_ascii_uppercase()),
                "{name} in capitals"
            );
        }
    }

    #[test]
    fn a_name_that_begins_like_one_is_executed_too() {
        assert!(is_executing_variable("execute_on_answer_2"));
        assert!(is_executing_variable("api_after_bridge_crm"));
    }

    #[test]
    fn every_prefix_is_known_by_itself_in_any_case() {
        for prefix in super::PREFIXES {
            assert!(is_executing_variable(prefix), "{prefix}");
            assert!(is_executing_variable(&prefix.to_ascii_uppercase()));
            assert!(!is_executing_variable(&prefix[..prefix.len() - 1]));
        }
    }

    #[test]
    fn variables_of_a_flow_are_not_executed() {
        for name in [
            "flow.key.response_status",
            "flow.line",
            "flow.key.api_on_time",
            "hold_music",
            "api",
        ] {
            assert!(!is_executing_variable(name), "{name}");
        }
    }
}
