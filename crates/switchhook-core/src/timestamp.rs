//! Formats times for people and documents. Times are microseconds since 1970, as FreeSWITCH gives
//! them, or milliseconds since 1970; the parameter's name says which.

use crate::zone::Zone;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

/// Formats a time as RFC 3339 with milliseconds and the offset of `zone`, such as
/// `2022-01-17T18:07:28.889+05:30`. `None` if no calendar has the time.
#[must_use]
pub(crate) fn rfc3339(us: i64, zone: Zone) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp_micros(us)?;
    let local = zone.local(time);
    Some(local.to_rfc3339_opts(SecondsFormat::Millis, false))
}

/// Formats a time as RFC 3339 in UTC with milliseconds and `Z`, such as
/// `2022-01-17T12:37:28.889Z`. `None` if no calendar has the time.
#[must_use]
pub fn rfc3339_utc(us: i64) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp_micros(us)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Formats a time as RFC 3339 in UTC with microseconds and `Z`, as log lines have it. `None` if no
/// calendar has the time.
#[must_use]
pub fn rfc3339_utc_micros(us: i64) -> Option<String> {
    let time = DateTime::<Utc>::from_timestamp_micros(us)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// Formats a time as RFC 3339 with milliseconds and the offset of `zone`; the number itself if no
/// calendar has the time.
#[must_use]
pub fn rfc3339_ms(ms: i64, zone: Zone) -> String {
    let us = ms.checked_mul(1000);
    us.and_then(|us| rfc3339(us, zone))
        .unwrap_or_else(|| ms.to_string())
}

/// Formats the time of day in `zone`, such as `18:07:28`. Empty if no calendar has the time.
#[must_use]
pub fn time_of_day(ms: i64, zone: Zone) -> String {
    format_ms(ms, zone, "%H:%M:%S")
}

/// Formats the time of day in `zone` with its offset, such as `18:07:28 +05:30`, for a sentence that
/// may be read elsewhere. Empty if no calendar has the time.
#[must_use]
pub fn time_of_day_with_offset(ms: i64, zone: Zone) -> String {
    let time = DateTime::<Utc>::from_timestamp_millis(ms);
    time.map_or_else(String::new, |time| {
        zone.local(time).format("%H:%M:%S %:z").to_string()
    })
}

/// Formats a time in `zone` by one of chrono's patterns. In an hour that the zone has twice the offset
/// follows, such as `02:30:00 +01:00`. Empty if no calendar has the time.
#[must_use]
pub fn format_ms(ms: i64, zone: Zone, pattern: &str) -> String {
    let Some(time) = DateTime::<Utc>::from_timestamp_millis(ms) else {
        return String::new();
    };
    let local = zone.local(time);
    let text = local.format(pattern).to_string();
    if zone.is_repeated(time) {
        format!("{text} {}", local.offset())
    } else {
        text
    }
}

/// Reads a local time of a form's field, such as `2022-01-17T18:07` (seconds may follow), in
/// milliseconds since 1970. Of an hour that the zone has twice it is the first.
#[must_use]
pub fn parse_local(text: &str, zone: Zone) -> Option<i64> {
    let patterns = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let mut read = patterns.iter();
    let local = read.find_map(|one| NaiveDateTime::parse_from_str(text, one).ok())?;
    // The offset is that of the time that is looked for: it is found in two steps.
    let day = chrono::TimeDelta::days(1);
    let before = zone.local(local.checked_sub_signed(day)?.and_utc());
    let first = local.checked_sub_offset(*before.offset())?.and_utc();
    let offset = *zone.local(first).offset();
    let time = local.checked_sub_offset(offset)?.and_utc();
    Some(time.timestamp_millis())
}

/// Returns the milliseconds between two times as a reader of their `rfc3339` texts counts them,
/// so that a document agrees with itself. Never negative: a switch's clock may step back.
#[must_use]
pub fn millis_between(from_us: i64, to_us: i64) -> i64 {
    to_us
        .div_euclid(1000)
        .saturating_sub(from_us.div_euclid(1000))
        .max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_an_hour_that_is_there_twice_has_its_offset() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        // 2026-10-25T00:00:00Z: an hour before the clocks go back. In spring no hour is there twice.
        let (autumn, spring) = (1_792_886_400_000, 1_774_746_000_000);
        for (ms, text) in [
            (autumn - 1_000, "01:59:59"),
            (autumn, "02:00:00 +02:00"),
            (autumn + 3_599_000, "02:59:59 +02:00"),
            (autumn + 3_600_000, "02:00:00 +01:00"),
            (autumn + 7_199_000, "02:59:59 +01:00"),
            (autumn + 7_200_000, "03:00:00"),
            (spring - 1_000, "01:59:59"),
            (spring, "03:00:00"),
        ] {
            assert_eq!(time_of_day(ms, zone), text, "{ms}");
            assert_eq!(time_of_day(ms, Zone::UTC).len(), 8);
        }
        // Half an hour twice, on Lord Howe Island.
        let zone = Zone::named("Australia/Lord_Howe").unwrap();
        let back = 1_775_314_800_000;
        assert_eq!(time_of_day(back - 1_000, zone), "01:59:59 +11:00");
        assert_eq!(time_of_day(back, zone), "01:30:00 +10:30");
        assert_eq!(time_of_day(back - 1_801_000, zone), "01:29:59");
    }

    #[test]
    fn a_time_carries_milliseconds_and_the_offset_of_its_zone() {
        let us = 1_642_423_048_889_999;
        assert_eq!(
            rfc3339(us, Zone::named("Asia/Kolkata").unwrap()).as_deref(),
            Some("2022-01-17T18:07:28.889+05:30")
        );
        assert_eq!(
            rfc3339(us, Zone::UTC).as_deref(),
            Some("2022-01-17T12:37:28.889+00:00")
        );
        assert_eq!(rfc3339_utc(us).as_deref(), Some("2022-01-17T12:37:28.889Z"));
        assert_eq!(
            rfc3339_utc_micros(us).as_deref(),
            Some("2022-01-17T12:37:28.889999Z")
        );
        assert_eq!(
            rfc3339_ms(us / 1000, Zone::named("Asia/Kolkata").unwrap()),
            "2022-01-17T18:07:28.889+05:30"
        );
        assert_eq!(rfc3339(i64::MAX, Zone::UTC), None);
        assert_eq!(rfc3339_ms(i64::MAX, Zone::UTC), i64::MAX.to_string());
    }

    #[test]
    fn the_distance_is_that_of_the_shown_milliseconds() {
        assert_eq!(millis_between(1_999, 2_000), 1);
        assert_eq!(millis_between(2_000, 2_999), 0);
        assert_eq!(millis_between(5_000, 1_000), 0);
        assert_eq!(
            millis_between(i64::MIN, i64::MAX),
            i64::MAX / 1000 - i64::MIN.div_euclid(1000)
        );
    }
}
