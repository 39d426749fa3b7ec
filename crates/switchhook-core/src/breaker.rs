//! A circuit breaker: after failures in a row, a webhook gets no requests for a pause. Then one
//! request at a time probes it. Pure: the time is an argument.
//!
//! ```text
//! closed --failures in a row--> open --pause--> half-open --probe succeeds--> closed
//!                                ^--------probe fails---------|
//! ```

use std::time::{Duration, Instant};

use super::outcome::Reason;

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Failures in a row that open the circuit; at least one.
    pub failures: u32,
    /// How long the circuit stays open before a request probes the webhook.
    pub pause: Duration,
}

/// What an outcome says about the health of the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointSignal {
    /// The endpoint answers, whatever the answer is worth.
    Healthy,
    /// The endpoint did not answer, or reports that it cannot.
    Failing,
    /// No evidence: nothing was sent, or the fault may be ours.
    Unknown,
}

impl EndpointSignal {
    /// Judges an outcome by its status, if one came, and by its failure, if it failed.
    #[must_use]
    pub const fn of(status: Option<u16>, failed: Option<Reason>) -> Self {
        match (failed, status) {
            (Some(Reason::Timeout | Reason::ConnectionFailure), _) => Self::Failing,
            (_, Some(429 | 500..)) => Self::Failing,
            (_, Some(_)) | (None, None) => Self::Healthy,
            // HTTP_STATUS without a status is a token endpoint's.
            (Some(_), None) => Self::Unknown,
        }
    }
}

/// A permit to send one request; given back with the outcome.
#[derive(Debug)]
pub struct BreakerPermit {
    /// Outcomes of requests from before the circuit opened or closed are ignored.
    epoch: u64,
}

/// An open circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCircuit {
    /// When it opened.
    pub since: Instant,
    /// From then on requests may probe the webhook, one at a time.
    pub until: Instant,
    /// A request is probing the webhook now.
    pub probing: bool,
    /// Failures in a row so far.
    pub failures: u32,
    /// The last failure, in words.
    pub last_error: String,
}

/// The change that an outcome made, to be logged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitChange {
    /// No change.
    None,
    /// The circuit opened.
    Opened,
    /// The probe failed; the circuit stays open for another pause.
    ProbeFailed,
    /// The circuit closed; every request is sent again.
    Closed,
}

/// One webhook's breaker.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    failures: u32,
    epoch: u64,
    open_circuit: Option<OpenCircuit>,
}

impl Breaker {
    /// Creates a closed breaker.
    #[must_use]
    pub const fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            failures: 0,
            epoch: 0,
            open_circuit: None,
        }
    }

    /// Returns a permit to send a request; `None` while the circuit is open.
    pub fn try_acquire(&mut self, now: Instant) -> Option<BreakerPermit> {
        if let Some(open_circuit) = &mut self.open_circuit {
            if open_circuit.probing || now < open_circuit.until {
                return None;
            }
            open_circuit.probing = true;
        }
        Some(BreakerPermit { epoch: self.epoch })
    }

    /// Records an outcome. `last_error` describes the failure in words.
    pub fn record(
        &mut self,
        permit: BreakerPermit,
        signal: EndpointSignal,
        last_error: &str,
        now: Instant,
    ) -> CircuitChange {
        if permit.epoch != self.epoch {
            return CircuitChange::None;
        }
        match (signal, &mut self.open_circuit) {
            (EndpointSignal::Unknown, None) => CircuitChange::None,
            (EndpointSignal::Unknown, Some(open_circuit)) => {
                open_circuit.probing = false;
                CircuitChange::None
            }
            (EndpointSignal::Healthy, _) => self.record_success(),
            (EndpointSignal::Failing, _) => self.record_failure(last_error, now),
        }
    }

    fn record_success(&mut self) -> CircuitChange {
        self.failures = 0;
        match self.open_circuit.take() {
            None => CircuitChange::None,
            Some(_) => {
                self.epoch += 1;
                CircuitChange::Closed
            }
        }
    }

    fn record_failure(&mut self, last_error: &str, now: Instant) -> CircuitChange {
        self.failures = self.failures.saturating_add(1);
        let (since, change) = match &self.open_circuit {
            Some(open_circuit) => (open_circuit.since, CircuitChange::ProbeFailed),
            None if self.failures < self.options.failures => return CircuitChange::None,
            None => {
                self.epoch += 1;
                (now, CircuitChange::Opened)
            }
        };
        self.open_circuit = Some(OpenCircuit {
            since,
            until: now + self.options.pause,
            probing: false,
            failures: self.failures,
            last_error: last_error.to_owned(),
        });
        change
    }

    /// Returns the open circuit; `None` if it is closed.
    #[must_use]
    pub const fn open_circuit(&self) -> Option<&OpenCircuit> {
        self.open_circuit.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn breaker() -> Breaker {
        Breaker::new(BreakerOptions {
            failures: 3,
            pause: PAUSE,
        })
    }

    fn once(breaker: &mut Breaker, signal: EndpointSignal, now: Instant) -> CircuitChange {
        let permit = breaker.try_acquire(now).expect("it may be asked");
        breaker.record(permit, signal, "no answer", now)
    }

    /// A breaker that opened at `now`.
    fn opened(now: Instant) -> Breaker {
        let mut breaker = breaker();
        let changes = [(); 3].map(|()| once(&mut breaker, EndpointSignal::Failing, now));
        assert_eq!(
            changes,
            [
                CircuitChange::None,
                CircuitChange::None,
                CircuitChange::Opened
            ]
        );
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (mut breaker, now) = (breaker(), Instant::now());
        for signal in [
            EndpointSignal::Failing,
            EndpointSignal::Failing,
            EndpointSignal::Healthy,
            EndpointSignal::Failing,
            EndpointSignal::Failing,
        ] {
            assert_eq!(once(&mut breaker, signal, now), CircuitChange::None);
        }
        assert_eq!(
            once(&mut breaker, EndpointSignal::Unknown, now),
            CircuitChange::None
        );
        assert_eq!(
            once(&mut breaker, EndpointSignal::Failing, now),
            CircuitChange::Opened
        );
    }

    #[test]
    fn while_it_rests_nobody_asks_and_after_it_one() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert!(
            breaker
                .try_acquire(start + PAUSE - Duration::from_nanos(1))
                .is_none()
        );
        let tried = start + PAUSE;
        let permit = breaker.try_acquire(tried).expect("one may");
        assert!(breaker.try_acquire(tried).is_none(), "and no second one");
        let finished = tried + Duration::from_secs(4);
        assert_eq!(
            breaker.record(permit, EndpointSignal::Failing, "refused", finished),
            CircuitChange::ProbeFailed
        );
        let open_circuit = OpenCircuit {
            since: start,
            until: finished + PAUSE,
            probing: false,
            failures: 4,
            last_error: "refused".into(),
        };
        assert_eq!(breaker.open_circuit(), Some(&open_circuit));
        let again = finished + PAUSE;
        assert_eq!(
            once(&mut breaker, EndpointSignal::Healthy, again),
            CircuitChange::Closed
        );
        assert_eq!(breaker.open_circuit(), None);
        let changes = [(); 3].map(|()| once(&mut breaker, EndpointSignal::Failing, again));
        assert_eq!(
            changes,
            [
                CircuitChange::None,
                CircuitChange::None,
                CircuitChange::Opened
            ]
        );
    }

    #[test]
    fn a_try_that_says_nothing_leaves_the_next_one_to_another() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let now = start + PAUSE;
        assert_eq!(
            once(&mut breaker, EndpointSignal::Unknown, now),
            CircuitChange::None
        );
        assert_eq!(
            once(&mut breaker, EndpointSignal::Healthy, now),
            CircuitChange::Closed
        );
    }

    #[test]
    fn what_was_asked_before_says_nothing_of_what_came_after() {
        let (mut breaker, now) = (breaker(), Instant::now());
        let early = [(); 7].map(|()| breaker.try_acquire(now).expect("nothing is known yet"));
        let mut early = early.into_iter();
        let mut record = |breaker: &mut Breaker, signal| {
            let permit = early.next().expect("as many as there are");
            breaker.record(permit, signal, "late", now)
        };
        let changes = [(); 4].map(|()| record(&mut breaker, EndpointSignal::Failing));
        assert_eq!(changes[2..], [CircuitChange::Opened, CircuitChange::None]);
        assert_eq!(
            record(&mut breaker, EndpointSignal::Healthy),
            CircuitChange::None
        );
        assert!(
            breaker.open_circuit().is_some(),
            "a late answer opens no door"
        );
        assert_eq!(
            once(&mut breaker, EndpointSignal::Healthy, now + PAUSE),
            CircuitChange::Closed
        );
        for _ in 0..2 {
            assert_eq!(
                record(&mut breaker, EndpointSignal::Failing),
                CircuitChange::None
            );
        }
        assert_eq!(breaker.failures, 0);
    }

    #[test]
    fn an_endpoint_that_answers_is_healthy_whatever_it_answers() {
        use Reason::*;
        for (status, failed, signal) in [
            (Some(200), None, EndpointSignal::Healthy),
            (Some(204), Some(InvalidResponseMap), EndpointSignal::Healthy),
            (Some(200), Some(InvalidResponse), EndpointSignal::Healthy),
            (
                Some(401),
                Some(AuthenticationFailure),
                EndpointSignal::Healthy,
            ),
            (Some(404), Some(HttpStatus), EndpointSignal::Healthy),
            (Some(302), Some(HttpStatus), EndpointSignal::Healthy),
            (Some(429), Some(HttpStatus), EndpointSignal::Failing),
            (Some(500), Some(HttpStatus), EndpointSignal::Failing),
            (Some(503), None, EndpointSignal::Failing),
            (Some(200), Some(Timeout), EndpointSignal::Failing),
            (None, Some(Timeout), EndpointSignal::Failing),
            (None, Some(ConnectionFailure), EndpointSignal::Failing),
            (None, Some(HttpStatus), EndpointSignal::Unknown),
            (None, Some(InvalidResponse), EndpointSignal::Unknown),
            (None, Some(AuthenticationFailure), EndpointSignal::Unknown),
            (None, Some(InvalidFlowVar), EndpointSignal::Unknown),
            (None, Some(InvalidRequest), EndpointSignal::Unknown),
            (None, Some(BlockedAddress), EndpointSignal::Unknown),
            (None, Some(Overloaded), EndpointSignal::Unknown),
            (None, Some(CircuitOpen), EndpointSignal::Unknown),
        ] {
            assert_eq!(
                EndpointSignal::of(status, failed),
                signal,
                "{status:?} {failed:?}"
            );
        }
    }
}
