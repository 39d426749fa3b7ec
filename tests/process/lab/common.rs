//! Identifies the headers that differ from one captured call to the next.

/// Returns whether a header's value differs in every call.
pub fn is_per_call(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "Core-UUID",
        "Event-Sequence",
        "Event-Date-Local",
        "Event-Date-GMT",
        "Event-Date-Timestamp",
        "variable_session_id",
        "variable_sip_call_id",
        "variable_sip_from_tag",
        "variable_sip_to_tag",
        "variable_sip_full_via",
        "variable_sip_full_from",
        "variable_sip_full_to",
        "variable_sip_invite_stamp",
        "variable_rtp_local_sdp_str",
        "variable_local_media_port",
        "variable_rtp_use_ssrc",
        "variable_playback_last_offset_pos",
        "variable_playback_ms",
        "variable_playback_seconds",
        "variable_playback_samples",
    ];
    NAMES.contains(&name)
        || name.starts_with("variable_rtp_audio_in_")
        || name.starts_with("variable_rtp_audio_out_")
}

/// Returns whether a header holds a time or a duration.
pub fn is_time(name: &str) -> bool {
    let duration = ["duration", "billsec", "billmsec", "billusec"];
    name.ends_with("-Time") && name != "Linger-Time"
        || ["_epoch", "_uepoch", "_stamp"]
            .iter()
            .any(|end| name.ends_with(end))
        || name.starts_with("variable_") && duration.iter().any(|end| name.ends_with(end))
}
