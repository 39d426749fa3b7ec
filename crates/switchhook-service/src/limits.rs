//! Limits of `[limits]` that were hit: counted under the name of the setting, and that name
//! told to whoever reads of it.

use metrics::counter;

use eslclient::{DecodeError, Error};
use switchhook_core::metric_names;

/// Counts one more.
pub(crate) fn record_hit(setting: &'static str) {
    counter!(metric_names::LIMITS, "limit" => setting).increment(1);
}

/// The setting behind the end of a switch's connection, if a limit ended it.
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
        DecodeError::BadContentLength
        | DecodeError::TwoContentLengths
        | DecodeError::BadHeader
        | DecodeError::CutEvent
        | DecodeError::BadJson { .. }
        | DecodeError::NotAnEvent => None,
    }
}

/// The end of a sentence about `error`: the setting to look at, or nothing.
#[must_use]
pub(crate) fn hint(error: &Error) -> String {
    setting_for(error).map_or_else(String::new, |setting| format!(" ([limits] {setting})"))
}
