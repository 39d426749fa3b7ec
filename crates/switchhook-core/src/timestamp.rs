//! Times as the switch gives them (microseconds since 1970) and as documents show them.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

/// RFC 3339 with milliseconds and the offset of `zone`:
/// `2022-01-17T18:07:28.889+05:30`. `None` for a time no calendar has.
#[must_use]
pub(crate) fn rfc3339(us: i64, zone: Tz) -> Option<String> {
    let moment = DateTime::<Utc>::from_timestamp_micros(us)?;
    Some(
        moment
            .with_timezone(&zone)
            .to_rfc3339_opts(SecondsFormat::Millis, false),
    )
}

/// A moment in ms since 1970 as a clock in `zone` shows it: `18:07:28`. Empty for a time no
/// calendar has.
#[must_use]
pub fn clock(ms: i64, zone: Tz) -> String {
    shown(ms, zone, "%H:%M:%S")
}

/// The same after a pattern of chrono's.
#[must_use]
pub fn shown(ms: i64, zone: Tz, pattern: &str) -> String {
    let moment = DateTime::<Utc>::from_timestamp_millis(ms);
    moment.map_or_else(String::new, |moment| {
        moment.with_timezone(&zone).format(pattern).to_string()
    })
}

/// Milliseconds from one time to another as a reader of two [`rfc3339`] texts
/// counts them: of the shown milliseconds, so that a document agrees with itself.
/// Never negative (a switch's clock may step back).
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
    fn a_time_carries_milliseconds_and_the_offset_of_its_zone() {
        let us = 1_642_423_048_889_999;
        assert_eq!(
            rfc3339(us, Tz::Asia__Kolkata).as_deref(),
            Some("2022-01-17T18:07:28.889+05:30")
        );
        assert_eq!(
            rfc3339(us, Tz::UTC).as_deref(),
            Some("2022-01-17T12:37:28.889+00:00")
        );
        assert_eq!(rfc3339(i64::MAX, Tz::UTC), None);
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
