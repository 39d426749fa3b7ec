//! Decides when a document is retried: a pure function of the number of attempts, the time since
//! the first attempt, and how the last attempt failed.

use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Longest wait before attempt n + 1, in seconds; daily after the last value.
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

/// Time from the first to the last attempt; after it the document is dead.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(8 * 24 * HOUR);

/// Longest wait between two attempts of an event.
const LONGEST_EVENT_WAIT: Duration = Duration::from_secs(30);

/// Longest `Retry-After` that is honoured.
pub(crate) const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(24 * HOUR);

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptFailure {
    /// No 2xx, and the receiver named no time.
    Failed,
    /// The receiver named the earliest time for the next attempt.
    RetryAfter(Duration),
}

/// What happens to a document after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Retried after this wait.
    RetryIn(Duration),
    /// Kept, and sent again only if somebody replays it.
    Dead,
    /// An event that would be too old.
    Expired,
}

/// Decides what follows the failed attempt number `attempt` (from 1), `since_first` after the first
/// one.
///
/// Waits have full jitter (uniform from zero to the schedule's wait), so that a backlog does not
/// come back as one wave. `Retry-After` is a minimum and never shortens the schedule, so a receiver
/// cannot cause a storm of requests. The last wait ends at the very end of the eight days: a
/// receiver that recovers within them gets every document.
#[must_use]
pub(crate) fn next_step(
    attempt: u32,
    since_first: Duration,
    outcome: AttemptFailure,
    rng: &mut fastrand::Rng,
) -> NextStep {
    let Some(left) = GIVE_UP.checked_sub(since_first).filter(|l| !l.is_zero()) else {
        return NextStep::Dead;
    };
    let wait = jitter(max_wait(attempt), rng);
    let wait = match outcome {
        AttemptFailure::Failed => wait,
        AttemptFailure::RetryAfter(requested) => wait.max(requested.min(RETRY_AFTER_LIMIT)),
    };
    NextStep::RetryIn(wait.min(left))
}

/// Decides what follows the failed attempt number `attempt` of an event that is worth sending for
/// `left` more: at once, then after up to 2, 4, 8, … s, at most 30 s.
#[must_use]
pub(crate) fn next_step_of_event(
    attempt: u32,
    left: Duration,
    outcome: AttemptFailure,
    rng: &mut fastrand::Rng,
) -> NextStep {
    let longest = Duration::from_secs(1 << attempt.min(5)).min(LONGEST_EVENT_WAIT);
    let wait = match outcome {
        AttemptFailure::Failed => jitter(longest, rng),
        AttemptFailure::RetryAfter(requested) => requested.max(jitter(longest, rng)),
    };
    if wait < left {
        NextStep::RetryIn(wait)
    } else {
        NextStep::Expired
    }
}

/// Returns the schedule's wait after attempt number `attempt`, without jitter.
#[must_use]
pub(crate) fn max_wait(attempt: u32) -> Duration {
    let last = SCHEDULE_S.len() - 1;
    let index = usize::try_from(attempt).unwrap_or(last).min(last);
    Duration::from_secs(SCHEDULE_S[index])
}

fn jitter(longest: Duration, rng: &mut fastrand::Rng) -> Duration {
    let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.u64(0..=millis))
}

/// Returns the minimum time between two attempts of one document when its endpoint's success makes
/// the backlog due: zero for the first attempts, then 2 s, 4 s, …, 1 h. So a document that a
/// healthy receiver refuses costs one attempt an hour, not one per success of another document.
#[must_use]
pub(crate) fn min_gap(attempt: u32) -> Duration {
    match attempt.saturating_sub(4) {
        0 => Duration::ZERO,
        over => Duration::from_secs(1 << over.min(12)).min(Duration::from_secs(HOUR)),
    }
}

/// Parses `Retry-After`, up to the limit.
#[must_use]
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let wait = switchhook_webhook::retry_after::parse(value, now)?;
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
        let waits: Vec<_> = (0..12).map(|n| max_wait(n).as_secs()).collect();
        let day = 86_400;
        let expected = [
            0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, day, day, day,
        ];
        assert_eq!(waits, expected);
        assert_eq!(max_wait(u32::MAX).as_secs(), day);
    }

    #[test]
    fn an_outage_of_just_under_eight_days_still_ends_with_an_attempt() {
        let mut rng = rng();
        for _ in 0..200 {
            let (mut since, mut attempt) = (Duration::ZERO, 1);
            while let NextStep::RetryIn(wait) =
                next_step(attempt, since, AttemptFailure::Failed, &mut rng)
            {
                since += wait;
                attempt += 1;
            }
            assert_eq!(since, GIVE_UP, "the last attempt is at the end, not before");
            assert!(attempt < 60, "{attempt} attempts are a storm");
        }
    }

    #[test]
    fn retry_after_lengthens_the_wait_up_to_a_day_and_never_shortens_it() {
        let requested = AttemptFailure::RetryAfter(Duration::from_secs(3_600));
        let NextStep::RetryIn(wait) = next_step(1, Duration::ZERO, requested, &mut rng()) else {
            panic!("dead after one attempt");
        };
        assert_eq!(wait, Duration::from_secs(3_600));
        let forever = AttemptFailure::RetryAfter(Duration::from_secs(u64::MAX));
        assert_eq!(
            next_step(1, Duration::ZERO, forever, &mut rng()),
            NextStep::RetryIn(RETRY_AFTER_LIMIT)
        );
        let at_once = next_step(
            9,
            Duration::ZERO,
            AttemptFailure::RetryAfter(Duration::ZERO),
            &mut rng(),
        );
        assert_eq!(
            at_once,
            next_step(9, Duration::ZERO, AttemptFailure::Failed, &mut rng())
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
            match next_step(attempt, since, AttemptFailure::Failed, &mut rng) {
                NextStep::RetryIn(wait) => {
                    prop_assert!(wait <= max_wait(attempt));
                    prop_assert!(since + wait <= GIVE_UP);
                }
                NextStep::Dead => prop_assert!(since >= GIVE_UP),
                NextStep::Expired => prop_assert!(false, "it is no event"),
            }
        }

        #[test]
        fn an_event_is_tried_again_soon_or_not_at_all(
            attempt in 1u32..5_000, left_ms in 0u64..600_000, asks_s in 0u64..100, seed: u64,
        ) {
            let left = Duration::from_millis(left_ms);
            let mut rng = fastrand::Rng::with_seed(seed);
            let asks = Duration::from_secs(asks_s);
            match next_step_of_event(attempt, left, AttemptFailure::RetryAfter(asks), &mut rng) {
                NextStep::RetryIn(wait) => {
                    prop_assert!(wait >= asks && wait < left);
                    prop_assert!(wait <= asks.max(LONGEST_EVENT_WAIT));
                }
                NextStep::Expired => prop_assert!(left <= asks.max(LONGEST_EVENT_WAIT)),
                NextStep::Dead => prop_assert!(false, "an event is never dead"),
            }
        }

        #[test]
        fn any_retry_after_is_read_without_a_panic(value in ".{0,60}") {
            let read = parse_retry_after(&value, SystemTime::now());
            prop_assert!(read.is_none_or(|wait| wait <= RETRY_AFTER_LIMIT));
        }
    }
}
