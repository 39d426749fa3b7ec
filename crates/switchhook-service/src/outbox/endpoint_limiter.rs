//! Limits how fast one endpoint receives attempts. Pure: the time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Endpoint;

/// Failures in a row after which the endpoint is slowed down.
const SLOW_AFTER: u32 = 5;

/// Pause between two attempts of a slowed endpoint: it doubles from the first value to the second.
const MAX_PAUSE: Duration = Duration::from_secs(60);
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// Shortest time between two releases of the backlog.
const PULL_EVERY: Duration = Duration::from_secs(1);

/// How an attempt ended, from the endpoint's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptEnd {
    Delivered,
    Failed,
    /// The receiver asked for a pause of all requests (429 or 503 with `Retry-After`).
    RetryAfter(Duration),
}

/// The change of the endpoint's state, to be logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateChange {
    None,
    BeganToFail,
    Slowed,
    Recovered,
}

/// The state of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointLimiter {
    in_flight: usize,
    /// Attempts allowed at a time; grows with each success up to the endpoint's limit.
    window: usize,
    /// Start times of the attempts within the current rate window.
    starts: VecDeque<Instant>,
    /// Failures in a row.
    failures: u32,
    pause: Duration,
    closed_until: Option<Instant>,
    /// There may be a backlog: the next success makes it due.
    backlog: bool,
    last_pull: Option<Instant>,
    pull_at: Option<Instant>,
}

impl EndpointLimiter {
    /// Returns the state at the start of the service. A backlog may exist, so the first success
    /// makes it due.
    pub(super) fn new(options: &Endpoint) -> Self {
        Self {
            in_flight: 0,
            window: options.max_in_flight.max(1),
            starts: VecDeque::new(),
            failures: 0,
            pause: Duration::ZERO,
            closed_until: None,
            backlog: true,
            last_pull: None,
            pull_at: None,
        }
    }

    /// Returns the failures since the last success.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the pause between two attempts; zero unless the endpoint is slowed down.
    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }

    /// Returns how long no attempt starts, or `None` if attempts may start now.
    pub(super) fn paused_for(&self, now: Instant) -> Option<Duration> {
        let left = self.closed_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Whether no attempt is in flight.
    pub(super) const fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Returns how many attempts may start now.
    pub(super) fn room(&mut self, options: &Endpoint, now: Instant) -> usize {
        let (most, within) = rate(options);
        while self
            .starts
            .front()
            .is_some_and(|&starts| starts + within <= now)
        {
            self.starts.pop_front();
        }
        if self.closed_until.is_some_and(|until| now < until) {
            return 0;
        }
        let window = self.window.min(options.max_in_flight.max(1));
        let by_rate = most.saturating_sub(self.starts.len());
        window.saturating_sub(self.in_flight).min(by_rate)
    }

    /// Returns when time alone allows another attempt; `None` when an attempt has to end first.
    pub(super) fn opens_at(&self, options: &Endpoint) -> Option<Instant> {
        if self.in_flight >= self.window.min(options.max_in_flight.max(1)) {
            return None;
        }
        let (most, within) = rate(options);
        let by_rate = self.starts.front().filter(|_| self.starts.len() >= most);
        self.closed_until
            .max(by_rate.map(|&starts| starts + within))
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.in_flight += 1;
        self.starts.push_back(now);
    }

    pub(super) fn end(
        &mut self,
        ended: AttemptEnd,
        options: &Endpoint,
        now: Instant,
    ) -> StateChange {
        self.in_flight = self.in_flight.saturating_sub(1);
        match ended {
            AttemptEnd::Delivered => self.succeeded(options, now),
            AttemptEnd::Failed => self.failed(now),
            AttemptEnd::RetryAfter(wait) => {
                let change = self.failed(now);
                self.closed_until = self.closed_until.max(Some(now + wait));
                change
            }
        }
    }

    fn succeeded(&mut self, options: &Endpoint, now: Instant) -> StateChange {
        let was_slow = self.failures >= SLOW_AFTER;
        if self.backlog {
            self.backlog = false;
            let free = self
                .last_pull
                .map_or(now, |last_pull| last_pull + PULL_EVERY);
            self.pull_at.get_or_insert(free.max(now));
        }
        self.failures = 0;
        self.pause = Duration::ZERO;
        self.closed_until = None;
        // After a slowdown the window grows from one by each success: the receiver has just
        // recovered.
        self.window = (self.window + 1).min(options.max_in_flight.max(1));
        if was_slow {
            StateChange::Recovered
        } else {
            StateChange::None
        }
    }

    fn failed(&mut self, now: Instant) -> StateChange {
        self.backlog = true;
        self.failures = self.failures.saturating_add(1);
        if self.failures < SLOW_AFTER {
            return if self.failures == 1 {
                StateChange::BeganToFail
            } else {
                StateChange::None
            };
        }
        // Attempts that were in flight when the pause began do not lengthen it.
        if self.closed_until.is_none_or(|until| until <= now) {
            self.pause = (self.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE);
            self.closed_until = Some(now + self.pause);
        }
        self.window = 1;
        if self.failures == SLOW_AFTER {
            StateChange::Slowed
        } else {
            StateChange::None
        }
    }

    /// Lets the next attempt start now, because an operator wants it. The slow-down stays: if that
    /// attempt fails too, the pauses begin again with the shortest one.
    pub(super) fn reopen(&mut self) {
        self.closed_until = None;
        self.pause = Duration::ZERO;
    }

    /// Whether the backlog is to be made due now; if so, the caller does it.
    pub(super) fn takes_pull(&mut self, now: Instant) -> bool {
        if self.pull_at.is_none_or(|at| now < at) {
            return false;
        }
        self.pull_at = None;
        self.last_pull = Some(now);
        true
    }

    /// Schedules the release once more after it failed.
    pub(super) fn pull_again(&mut self, now: Instant) {
        self.pull_at = Some(now + PULL_EVERY);
    }

    /// Returns when [`EndpointLimiter::takes_pull`] will return `true`.
    pub(super) const fn pull_at(&self) -> Option<Instant> {
        self.pull_at
    }
}

/// Returns the most attempts, and the time within which they may start.
fn rate(options: &Endpoint) -> (usize, Duration) {
    let rate = options.rate_per_s;
    if rate >= 1.0 {
        // Saturates: a rate beyond `usize` is no limit.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate beyond usize saturates"
        )]
        return (rate.floor() as usize, Duration::from_secs(1));
    }
    let seconds = if rate > 0.0 {
        1.0 / rate
    } else {
        f64::INFINITY
    };
    let day = Duration::from_secs(86_400);
    (
        1,
        Duration::try_from_secs_f64(seconds).unwrap_or(day).min(day),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            rate_per_s: 10.0,
            max_in_flight: 4,
            ..Endpoint::default()
        }
    }

    fn after(ms: u64, start: Instant) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn attempts_under_way_and_the_rate_both_limit() {
        let (options, start) = (endpoint(), Instant::now());
        let mut limiter = EndpointLimiter::new(&options);
        let mut sent = 0;
        for _ in 0..5 {
            for _ in 0..limiter.room(&options, start) {
                limiter.begin(start);
                sent += 1;
            }
            assert!(limiter.in_flight <= 4);
            while limiter.in_flight > 0 {
                limiter.end(AttemptEnd::Delivered, &options, start);
            }
        }
        assert_eq!(sent, 10, "ten in a second, however fast they end");
        assert_eq!(limiter.opens_at(&options), Some(after(1_000, start)));
        assert_eq!(limiter.room(&options, after(1_000, start)), 4);
    }

    #[test]
    fn a_rate_below_one_a_second_is_kept() {
        let options = Endpoint {
            rate_per_s: 0.5,
            ..endpoint()
        };
        let start = Instant::now();
        let mut limiter = EndpointLimiter::new(&options);
        assert_eq!(limiter.room(&options, start), 1);
        limiter.begin(start);
        limiter.end(AttemptEnd::Delivered, &options, start);
        assert_eq!(limiter.room(&options, after(1_999, start)), 0);
        assert_eq!(limiter.room(&options, after(2_000, start)), 1);
    }

    #[test]
    fn an_endpoint_that_fails_is_slowed_step_by_step_and_never_shut() {
        let (options, mut now) = (endpoint(), Instant::now());
        let mut limiter = EndpointLimiter::new(&options);
        let mut pauses = Vec::new();
        for n in 1..=14 {
            assert!(limiter.room(&options, now) > 0, "attempt {n} may begin");
            limiter.begin(now);
            let change = limiter.end(AttemptEnd::Failed, &options, now);
            assert_eq!(change == StateChange::Slowed, n == 5);
            let open = limiter.opens_at(&options).unwrap_or(now).max(now);
            pauses.push((open - now).as_secs());
            assert_eq!(limiter.pause(), open - now);
            now = open;
        }
        assert_eq!(pauses, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        limiter.begin(now);
        assert_eq!(
            limiter.end(AttemptEnd::Delivered, &options, now),
            StateChange::Recovered
        );
        assert_eq!(limiter.pause(), Duration::ZERO);
        assert_eq!(limiter.room(&options, now), 2, "one more with each success");
        assert!(limiter.takes_pull(now), "its backlog is due");
        assert!(!limiter.takes_pull(now), "once");
    }

    #[test]
    fn an_operator_s_retry_begins_at_once_and_the_shortest_pause_follows_if_it_fails() {
        let (options, mut now) = (endpoint(), Instant::now());
        let mut limiter = EndpointLimiter::new(&options);
        for _ in 0..9 {
            limiter.begin(now);
            limiter.end(AttemptEnd::Failed, &options, now);
            now = limiter.opens_at(&options).unwrap_or(now).max(now);
        }
        limiter.begin(now);
        limiter.end(AttemptEnd::Failed, &options, now);
        assert_eq!(limiter.room(&options, now), 0);
        limiter.reopen();
        assert_eq!(limiter.room(&options, now), 1);
        limiter.begin(now);
        limiter.end(AttemptEnd::Failed, &options, now);
        assert_eq!(limiter.opens_at(&options), Some(now + MIN_PAUSE));
    }

    #[test]
    fn attempts_that_were_under_way_do_not_slow_it_further() {
        let options = Endpoint {
            max_in_flight: 20,
            rate_per_s: 100.0,
            ..endpoint()
        };
        let now = Instant::now();
        let mut limiter = EndpointLimiter::new(&options);
        for _ in 0..20 {
            limiter.begin(now);
        }
        for _ in 0..20 {
            limiter.end(AttemptEnd::Failed, &options, now);
        }
        assert_eq!(limiter.opens_at(&options), Some(now + MIN_PAUSE));
    }

    #[test]
    fn a_busy_receiver_is_left_alone_for_as_long_as_it_asked() {
        let (options, now) = (endpoint(), Instant::now());
        let mut limiter = EndpointLimiter::new(&options);
        limiter.begin(now);
        limiter.end(
            AttemptEnd::RetryAfter(Duration::from_secs(30)),
            &options,
            now,
        );
        let paused = |at| limiter.paused_for(at).map(|left| left.as_secs());
        assert_eq!([paused(now), paused(after(30_000, now))], [Some(30), None]);
        assert_eq!(limiter.room(&options, after(29_999, now)), 0);
        assert_eq!(limiter.room(&options, after(30_000, now)), 4);
    }

    #[test]
    fn the_backlog_is_pulled_at_most_once_a_second_and_never_forgotten() {
        let (options, start) = (endpoint(), Instant::now());
        let mut limiter = EndpointLimiter::new(&options);
        let mut once = |ended, now| {
            limiter.begin(now);
            limiter.end(ended, &options, now);
            limiter.takes_pull(now)
        };
        assert!(once(AttemptEnd::Delivered, start));
        assert!(!once(AttemptEnd::Delivered, start), "nothing failed since");
        assert!(!once(AttemptEnd::Failed, after(10, start)));
        assert!(!once(AttemptEnd::Delivered, after(20, start)), "too soon");
        assert_eq!(limiter.pull_at(), Some(after(1_000, start)));
        assert!(limiter.takes_pull(after(1_000, start)));
    }
}
