//! How fast one endpoint may be sent to. Pure: the time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Endpoint;

/// Failures in a row after which an endpoint is slowed down.
const SLOW_AFTER: u32 = 5;

/// Time between two attempts of a slowed endpoint: first and last step.
const SLOWEST: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The backlog is pulled forward at most this often.
const PULL_EVERY: Duration = Duration::from_secs(1);

/// How an attempt ended, as far as its endpoint is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Delivered,
    Failed,
    /// The whole endpoint asks for a pause (429, 503 with `Retry-After`).
    Busy(Duration),
}

/// What changed by it, to be said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    None,
    BeganToFail,
    Slowed,
    Recovered,
}

/// An endpoint's state.
#[derive(Debug)]
pub(super) struct EndpointLimiter {
    in_flight: usize,
    /// Attempts at a time now; grows with each success up to the endpoint's limit.
    window: usize,
    /// When the attempts of the last rate window began.
    begun: VecDeque<Instant>,
    /// In a row.
    failures: u32,
    pause: Duration,
    closed_until: Option<Instant>,
    /// A success after this makes the backlog due.
    backlog: bool,
    pulled: Option<Instant>,
    pull_at: Option<Instant>,
}

impl EndpointLimiter {
    /// Nothing is known of an endpoint when the service starts: its first
    /// success is news.
    pub(super) fn new(options: &Endpoint) -> Self {
        Self {
            in_flight: 0,
            window: options.max_in_flight.max(1),
            begun: VecDeque::new(),
            failures: 0,
            pause: Duration::ZERO,
            closed_until: None,
            backlog: true,
            pulled: None,
            pull_at: None,
        }
    }

    /// Between two attempts, when it is slowed down.
    pub(super) const fn slowed(&self) -> Duration {
        self.pause
    }

    /// For how long nothing is sent.
    pub(super) fn rests(&self, now: Instant) -> Option<Duration> {
        let left = self.closed_until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Nothing is under way.
    pub(super) const fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// How many attempts may begin now.
    pub(super) fn room(&mut self, options: &Endpoint, now: Instant) -> usize {
        let (most, within) = rate(options);
        while self
            .begun
            .front()
            .is_some_and(|&begun| begun + within <= now)
        {
            self.begun.pop_front();
        }
        if self.closed_until.is_some_and(|until| now < until) {
            return 0;
        }
        let window = self.window.min(options.max_in_flight.max(1));
        let by_rate = most.saturating_sub(self.begun.len());
        window.saturating_sub(self.in_flight).min(by_rate)
    }

    /// When time alone makes room again; `None` when an attempt must end first.
    pub(super) fn opens_at(&self, options: &Endpoint) -> Option<Instant> {
        if self.in_flight >= self.window.min(options.max_in_flight.max(1)) {
            return None;
        }
        let (most, within) = rate(options);
        let by_rate = self.begun.front().filter(|_| self.begun.len() >= most);
        self.closed_until.max(by_rate.map(|&begun| begun + within))
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.in_flight += 1;
        self.begun.push_back(now);
    }

    pub(super) fn end(&mut self, ended: Ended, options: &Endpoint, now: Instant) -> Change {
        self.in_flight = self.in_flight.saturating_sub(1);
        match ended {
            Ended::Delivered => self.succeeded(options, now),
            Ended::Failed => self.failed(now),
            Ended::Busy(wait) => {
                let change = self.failed(now);
                self.closed_until = self.closed_until.max(Some(now + wait));
                change
            }
        }
    }

    fn succeeded(&mut self, options: &Endpoint, now: Instant) -> Change {
        let was_slow = self.failures >= SLOW_AFTER;
        if self.backlog {
            self.backlog = false;
            let free = self.pulled.map_or(now, |pulled| pulled + PULL_EVERY);
            self.pull_at.get_or_insert(free.max(now));
        }
        self.failures = 0;
        self.pause = Duration::ZERO;
        self.closed_until = None;
        // From one, each success allows one more: the receiver has just come back.
        self.window = (self.window + 1).min(options.max_in_flight.max(1));
        if was_slow {
            Change::Recovered
        } else {
            Change::None
        }
    }

    fn failed(&mut self, now: Instant) -> Change {
        self.backlog = true;
        self.failures = self.failures.saturating_add(1);
        if self.failures < SLOW_AFTER {
            return if self.failures == 1 {
                Change::BeganToFail
            } else {
                Change::None
            };
        }
        // Attempts that were under way when it was slowed say nothing new.
        if self.closed_until.is_none_or(|until| until <= now) {
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, SLOWEST);
            self.closed_until = Some(now + self.pause);
        }
        self.window = 1;
        if self.failures == SLOW_AFTER {
            Change::Slowed
        } else {
            Change::None
        }
    }

    /// Whether the backlog is to be pulled forward now; then the caller does it.
    pub(super) fn takes_pull(&mut self, now: Instant) -> bool {
        if self.pull_at.is_none_or(|at| now < at) {
            return false;
        }
        self.pull_at = None;
        self.pulled = Some(now);
        true
    }

    /// The pull failed: once more a little later.
    pub(super) fn pull_again(&mut self, now: Instant) {
        self.pull_at = Some(now + PULL_EVERY);
    }

    /// When [`EndpointLimiter::takes_pull`] says yes.
    pub(super) const fn pull_at(&self) -> Option<Instant> {
        self.pull_at
    }
}

/// At most so many attempts within that time.
fn rate(options: &Endpoint) -> (usize, Duration) {
    let rate = options.rate_per_s;
    if rate >= 1.0 {
        // Saturates: a rate beyond usize is no limit.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "as said"
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
        let mut lane = EndpointLimiter::new(&options);
        let mut sent = 0;
        for _ in 0..5 {
            for _ in 0..lane.room(&options, start) {
                lane.begin(start);
                sent += 1;
            }
            assert!(lane.in_flight <= 4);
            while lane.in_flight > 0 {
                lane.end(Ended::Delivered, &options, start);
            }
        }
        assert_eq!(sent, 10, "ten in a second, however fast they end");
        assert_eq!(lane.opens_at(&options), Some(after(1_000, start)));
        assert_eq!(lane.room(&options, after(1_000, start)), 4);
    }

    #[test]
    fn a_rate_below_one_a_second_is_kept() {
        let options = Endpoint {
            rate_per_s: 0.5,
            ..endpoint()
        };
        let start = Instant::now();
        let mut lane = EndpointLimiter::new(&options);
        assert_eq!(lane.room(&options, start), 1);
        lane.begin(start);
        lane.end(Ended::Delivered, &options, start);
        assert_eq!(lane.room(&options, after(1_999, start)), 0);
        assert_eq!(lane.room(&options, after(2_000, start)), 1);
    }

    #[test]
    fn an_endpoint_that_fails_is_slowed_step_by_step_and_never_shut() {
        let (options, mut now) = (endpoint(), Instant::now());
        let mut lane = EndpointLimiter::new(&options);
        let mut pauses = Vec::new();
        for n in 1..=14 {
            assert!(lane.room(&options, now) > 0, "attempt {n} may begin");
            lane.begin(now);
            let change = lane.end(Ended::Failed, &options, now);
            assert_eq!(change == Change::Slowed, n == 5);
            let open = lane.opens_at(&options).unwrap_or(now).max(now);
            pauses.push((open - now).as_secs());
            assert_eq!(lane.slowed(), open - now);
            now = open;
        }
        assert_eq!(pauses, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        lane.begin(now);
        assert_eq!(lane.end(Ended::Delivered, &options, now), Change::Recovered);
        assert_eq!(lane.slowed(), Duration::ZERO);
        assert_eq!(lane.room(&options, now), 2, "one more with each success");
        assert!(lane.takes_pull(now), "its backlog is due");
        assert!(!lane.takes_pull(now), "once");
    }

    #[test]
    fn attempts_that_were_under_way_do_not_slow_it_further() {
        let options = Endpoint {
            max_in_flight: 20,
            rate_per_s: 100.0,
            ..endpoint()
        };
        let now = Instant::now();
        let mut lane = EndpointLimiter::new(&options);
        for _ in 0..20 {
            lane.begin(now);
        }
        for _ in 0..20 {
            lane.end(Ended::Failed, &options, now);
        }
        assert_eq!(lane.opens_at(&options), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn a_busy_receiver_is_left_alone_for_as_long_as_it_asked() {
        let (options, now) = (endpoint(), Instant::now());
        let mut lane = EndpointLimiter::new(&options);
        lane.begin(now);
        lane.end(Ended::Busy(Duration::from_secs(30)), &options, now);
        let rests = |at| lane.rests(at).map(|left| left.as_secs());
        assert_eq!([rests(now), rests(after(30_000, now))], [Some(30), None]);
        assert_eq!(lane.room(&options, after(29_999, now)), 0);
        assert_eq!(lane.room(&options, after(30_000, now)), 4);
    }

    #[test]
    fn the_backlog_is_pulled_at_most_once_a_second_and_never_forgotten() {
        let (options, start) = (endpoint(), Instant::now());
        let mut lane = EndpointLimiter::new(&options);
        let mut once = |ended, now| {
            lane.begin(now);
            lane.end(ended, &options, now);
            lane.takes_pull(now)
        };
        assert!(once(Ended::Delivered, start));
        assert!(!once(Ended::Delivered, start), "nothing failed since");
        assert!(!once(Ended::Failed, after(10, start)));
        assert!(!once(Ended::Delivered, after(20, start)), "too soon");
        assert_eq!(lane.pull_at(), Some(after(1_000, start)));
        assert!(lane.takes_pull(after(1_000, start)));
    }
}
