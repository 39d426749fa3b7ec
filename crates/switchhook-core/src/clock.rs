//! The wall clock. Other code asks here what time it is, or takes the time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time since 1970; zero if the clock stands before that.
#[must_use]
pub fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Returns milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}

/// Returns microseconds since 1970, as FreeSWITCH counts.
#[must_use]
pub fn now_us() -> i64 {
    i64::try_from(since_1970().as_micros()).unwrap_or(i64::MAX)
}

/// Returns how far another clock is ahead of ours, which was asked between `asked` and `answered`;
/// negative if it is behind, 0 if it said a time in between: no more is known. Any unit will do.
#[must_use]
pub fn ahead(theirs: i64, asked: i64, answered: i64) -> i64 {
    if theirs < asked {
        theirs.saturating_sub(asked)
    } else {
        theirs.saturating_sub(answered).max(0)
    }
}

/// Returns nanoseconds since 1970, as OpenTelemetry counts.
#[must_use]
pub fn now_ns() -> u64 {
    u64::try_from(since_1970().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_only_beyond_what_the_way_may_have_taken() {
        for (theirs, off) in [(99, -1), (100, 0), (150, 0), (200, 0), (203, 3)] {
            assert_eq!(ahead(theirs, 100, 200), off, "{theirs}");
        }
        assert_eq!(ahead(i64::MIN, 100, 200), i64::MIN);
    }
}
