//! The `Retry-After` header.

use std::time::{Duration, SystemTime};

/// Parses `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in one of the three HTTP forms. A
/// date in the past is a wait of zero; anything else is `None`.
#[must_use]
pub fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}
