//! Counts hits of the limits in `[limits]` by setting, and names the setting in log lines.

use metrics::counter;

use eslclient::{DecodeError, Error};
use switchhook_core::metric_names;

/// Counts one hit of the limit `setting`.
pub(crate) fn record_hit(setting: &'static str) {
    counter!(metric_names::LIMITS, "limit" => setting).increment(1);
}

/// Returns the setting whose limit ended a switch's connection, if a limit did.
#[must_use]
pub(crate) fn setting_for(error: &Error) -> Option<&'static str> {
    let Error::Decode(error) = error else {
        let late = matches!(error, Error::Timeout { .. });
        return late.then_some("connect_deadline");
    };
    match error {
        DecodeError::HeadTooLong { .. } => Some("frame_header_bytes"),
        DecodeError::TooManyHeaders { .. } => Some("frame_headers"),
        DecodeError::BodyTooLong { .. } => Some("frame_body_bytes"),
        DecodeError::OutOfMemory { .. } => Some("frame_memory"),
        DecodeError::BadContentLength
        | DecodeError::TwoContentLengths
        | DecodeError::BadHeader
        | DecodeError::CutEvent
        | DecodeError::BadJson { .. }
        | DecodeError::NotAnEvent
        | _ => None,
    }
}

/// Returns the setting to look at as the end of a sentence about `error`, or nothing.
#[must_use]
pub(crate) fn hint(error: &Error) -> String {
    setting_for(error).map_or_else(String::new, |setting| format!(" ([limits] {setting})"))
}
