//! When a document is tried again: a pure function of how often it was tried,
//! how long ago the first attempt was, and how the last one ended.

use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Longest wait before attempt n + 1, in seconds; after the last, daily.
const SCHEDULE_S: [u64; 10] = [
    0,
    5,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// The last attempt is made this long after the first; then the document is dead.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(8 * 24 * HOUR);

/// A `Retry-After` above this is taken as this.
pub(crate) const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * HOUR);

/// How an attempt that did not deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No 2xx, and the receiver named no time.
    Failed,
    /// The receiver asked us not to come back earlier than this.
    RetryAfter(Duration),
}

/// What becomes of a document that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Tried again after this wait.
    At(Duration),
    /// Kept, no longer tried unless somebody replays it.
    Dead,
}

/// Decides what follows attempt number `attempt` (1 is the first), `since_first`
/// after the first one.
///
/// Waits have full jitter (uniform between nothing and the schedule's), so that
/// a backlog does not come back as one wave. `Retry-After` is the least wait; it
/// never shortens the schedule, so a receiver cannot ask for a storm. The wait
/// is cut so that one attempt falls at the very end of the eight days: a
/// receiver that comes back within them gets everything.
#[must_use]
pub(crate) fn next(
    attempt: u32,
    since_first: Duration,
    outcome: Outcome,
    rng: &mut fastrand::Rng,
) -> Next {
    let Some(left) = GIVE_UP.checked_sub(since_first).filter(|l| !l.is_zero()) else {
        return Next::Dead;
    };
    let wait = jitter(longest_wait(attempt), rng);
    let wait = match outcome {
        Outcome::Failed => wait,
        Outcome::RetryAfter(asked) => wait.max(asked.min(RETRY_AFTER_LIMIT)),
    };
    Next::At(wait.min(left))
}

/// The schedule's wait after attempt number `attempt`, without jitter.
#[must_use]
pub(crate) fn longest_wait(attempt: u32) -> Duration {
    let last = SCHEDULE_S.len() - 1;
    let index = usize::try_from(attempt).unwrap_or(last).min(last);
    Duration::from_secs(SCHEDULE_S[index])
}

fn jitter(longest: Duration, rng: &mut fastrand::Rng) -> Duration {
    let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.u64(0..=millis))
}

/// Least time between two attempts of one document when its receiver's success
/// pulls the backlog forward: none for the first attempts, then 2 s, 4 s, …, 1 h.
/// A document that a healthy receiver refuses again and again (each success of
/// another pulls it forward) so costs an attempt an hour, not one a call.
#[must_use]
pub(crate) fn least_gap(attempt: u32) -> Duration {
    match attempt.saturating_sub(4) {
        0 => Duration::ZERO,
        over => Duration::from_secs(1 << over.min(12)).min(Duration::from_secs(HOUR)),
    }
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date in any of the
/// three HTTP forms. A date that has passed is no wait; what is neither is `None`.
#[must_use]
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_LIMIT));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let wait = date.duration_since(now).unwrap_or_default();
    Some(wait.min(RETRY_AFTER_LIMIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rng() -> fastrand::Rng {
        fastrand::Rng::with_seed(7)
    }

    #[test]
    fn the_schedule_is_the_one_in_the_contract() {
        let waits: Vec<_> = (0..12).map(|n| longest_wait(n).as_secs()).collect();
        let day = 86_400;
        let expected = [
            0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, day, day, day,
        ];
        assert_eq!(waits, expected);
        assert_eq!(longest_wait(u32::MAX).as_secs(), day);
    }

    #[test]
    fn an_outage_of_just_under_eight_days_still_ends_with_an_attempt() {
        let mut rng = rng();
        for _ in 0..200 {
            let (mut since, mut attempt) = (Duration::ZERO, 1);
            while let Next::At(wait) = next(attempt, since, Outcome::Failed, &mut rng) {
                since += wait;
                attempt += 1;
            }
            assert_eq!(since, GIVE_UP, "the last attempt is at the end, not before");
            assert!(attempt < 60, "{attempt} attempts are a storm");
        }
    }

    #[test]
    fn retry_after_lengthens_the_wait_up_to_a_day_and_never_shortens_it() {
        let asked = Outcome::RetryAfter(Duration::from_secs(3_600));
        let Next::At(wait) = next(1, Duration::ZERO, asked, &mut rng()) else {
            panic!("dead after one attempt");
        };
        assert_eq!(wait, Duration::from_secs(3_600));
        let forever = Outcome::RetryAfter(Duration::from_secs(u64::MAX));
        assert_eq!(
            next(1, Duration::ZERO, forever, &mut rng()),
            Next::At(RETRY_AFTER_LIMIT)
        );
        let at_once = next(
            9,
            Duration::ZERO,
            Outcome::RetryAfter(Duration::ZERO),
            &mut rng(),
        );
        assert_eq!(
            at_once,
            next(9, Duration::ZERO, Outcome::Failed, &mut rng())
        );
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_each_http_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:00 GMT").expect("date");
        let read = |value| parse_retry_after(value, now);
        let half_a_minute = Some(Duration::from_secs(37));
        assert_eq!(read(" 37 "), half_a_minute);
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), half_a_minute);
        assert_eq!(read("Sunday, 06-Nov-94 08:49:37 GMT"), half_a_minute);
        assert_eq!(read("Sun Nov  6 08:49:37 1994"), half_a_minute);
        assert_eq!(read("Sun, 06 Nov 1994 08:48:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(RETRY_AFTER_LIMIT));
        for rubbish in ["", "-1", "soon", "1.5", "0x10"] {
            assert_eq!(read(rubbish), None, "{rubbish}");
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_within_the_schedule_and_the_eight_days(
            attempt in 1u32..5_000, since_s in 0u64..9 * 86_400, seed: u64,
        ) {
            let since = Duration::from_secs(since_s);
            let mut rng = fastrand::Rng::with_seed(seed);
            match next(attempt, since, Outcome::Failed, &mut rng) {
                Next::At(wait) => {
                    prop_assert!(wait <= longest_wait(attempt));
                    prop_assert!(since + wait <= GIVE_UP);
                }
                Next::Dead => prop_assert!(since >= GIVE_UP),
            }
        }

        #[test]
        fn any_retry_after_is_read_without_a_panic(value in ".{0,60}") {
            let read = parse_retry_after(&value, SystemTime::now());
            prop_assert!(read.is_none_or(|wait| wait <= RETRY_AFTER_LIMIT));
        }
    }
}
