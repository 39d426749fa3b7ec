//! When a webhook that plainly fails is left alone for a while. Pure: the time is an argument.
//!
//! ```text
//! asked --failures in a row--> rests --pause--> one asks --well--> asked
//!                                ^----------------ill----|
//! ```

use std::time::{Duration, Instant};

use super::outcome::Reason;

/// When a webhook is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Failures in a row after which it rests; at least one.
    pub failures: u32,
    /// How long nobody asks it then.
    pub pause: Duration,
}

/// What an outcome says of the endpoint that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answers, whatever the answer is worth.
    Well,
    /// It did not answer, or says itself that it cannot.
    Ill,
    /// Nothing: it was not asked, or the fault may be ours.
    Nothing,
}

impl Sign {
    /// Of a status, if one came, and of why it failed, if it did.
    #[must_use]
    pub const fn of(status: Option<u16>, failed: Option<Reason>) -> Self {
        match (failed, status) {
            (Some(Reason::Timeout | Reason::ConnectionFailure), _) => Self::Ill,
            (_, Some(429 | 500..)) => Self::Ill,
            (_, Some(_)) | (None, None) => Self::Well,
            // HTTP_STATUS without one is a token endpoint's.
            (Some(_), None) => Self::Nothing,
        }
    }
}

/// Leave to ask, to be given back with what came of it.
#[derive(Debug)]
pub struct Leave {
    /// What was asked before a rest began or ended says nothing of what came after.
    epoch: u64,
}

/// What a webhook's rest is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCircuit {
    /// When it began.
    pub since: Instant,
    /// Whoever asks from then on may, one at a time.
    pub until: Instant,
    /// One is asking.
    pub is_tried: bool,
    /// Failures in a row by now.
    pub failures: u32,
    /// What was wrong the last time.
    pub why: String,
}

/// What changed by an outcome, to be said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It rests from now on.
    Opened,
    /// It was tried in vain, and rests again.
    StillIll,
    /// It is asked by everybody again.
    Closed,
}

/// One webhook's breaker.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    failures: u32,
    epoch: u64,
    rest: Option<OpenCircuit>,
}

impl Breaker {
    /// Of a webhook of which nothing is known yet.
    #[must_use]
    pub const fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            failures: 0,
            epoch: 0,
            rest: None,
        }
    }

    /// Leave to ask; `None` while it rests.
    pub fn ask(&mut self, now: Instant) -> Option<Leave> {
        if let Some(rest) = &mut self.rest {
            if rest.is_tried || now < rest.until {
                return None;
            }
            rest.is_tried = true;
        }
        Some(Leave { epoch: self.epoch })
    }

    /// What came of it. `why`: what was wrong, in words.
    pub fn end(&mut self, leave: Leave, sign: Sign, why: &str, now: Instant) -> Change {
        if leave.epoch != self.epoch {
            return Change::None;
        }
        match (sign, &mut self.rest) {
            (Sign::Nothing, None) => Change::None,
            (Sign::Nothing, Some(rest)) => {
                rest.is_tried = false;
                Change::None
            }
            (Sign::Well, _) => self.well(),
            (Sign::Ill, _) => self.ill(why, now),
        }
    }

    fn well(&mut self) -> Change {
        self.failures = 0;
        match self.rest.take() {
            None => Change::None,
            Some(_) => {
                self.epoch += 1;
                Change::Closed
            }
        }
    }

    fn ill(&mut self, why: &str, now: Instant) -> Change {
        self.failures = self.failures.saturating_add(1);
        let (since, change) = match &self.rest {
            Some(rest) => (rest.since, Change::StillIll),
            None if self.failures < self.options.failures => return Change::None,
            None => {
                self.epoch += 1;
                (now, Change::Opened)
            }
        };
        self.rest = Some(OpenCircuit {
            since,
            until: now + self.options.pause,
            is_tried: false,
            failures: self.failures,
            why: why.to_owned(),
        });
        change
    }

    /// Its rest, while it has one.
    #[must_use]
    pub const fn rest(&self) -> Option<&OpenCircuit> {
        self.rest.as_ref()
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

    fn once(breaker: &mut Breaker, sign: Sign, now: Instant) -> Change {
        let leave = breaker.ask(now).expect("it may be asked");
        breaker.end(leave, sign, "no answer", now)
    }

    /// One that rests since `now`.
    fn resting(now: Instant) -> Breaker {
        let mut breaker = breaker();
        let changes = [(); 3].map(|()| once(&mut breaker, Sign::Ill, now));
        assert_eq!(changes, [Change::None, Change::None, Change::Opened]);
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (mut breaker, now) = (breaker(), Instant::now());
        for sign in [Sign::Ill, Sign::Ill, Sign::Well, Sign::Ill, Sign::Ill] {
            assert_eq!(once(&mut breaker, sign, now), Change::None);
        }
        assert_eq!(once(&mut breaker, Sign::Nothing, now), Change::None);
        assert_eq!(once(&mut breaker, Sign::Ill, now), Change::Opened);
    }

    #[test]
    fn while_it_rests_nobody_asks_and_after_it_one() {
        let start = Instant::now();
        let mut breaker = resting(start);
        assert!(
            breaker
                .ask(start + PAUSE - Duration::from_nanos(1))
                .is_none()
        );
        let tried = start + PAUSE;
        let leave = breaker.ask(tried).expect("one may");
        assert!(breaker.ask(tried).is_none(), "and no second one");
        let ended = tried + Duration::from_secs(4);
        assert_eq!(
            breaker.end(leave, Sign::Ill, "refused", ended),
            Change::StillIll
        );
        let rest = OpenCircuit {
            since: start,
            until: ended + PAUSE,
            is_tried: false,
            failures: 4,
            why: "refused".into(),
        };
        assert_eq!(breaker.rest(), Some(&rest));
        let again = ended + PAUSE;
        assert_eq!(once(&mut breaker, Sign::Well, again), Change::Closed);
        assert_eq!(breaker.rest(), None);
        let changes = [(); 3].map(|()| once(&mut breaker, Sign::Ill, again));
        assert_eq!(changes, [Change::None, Change::None, Change::Opened]);
    }

    #[test]
    fn a_try_that_says_nothing_leaves_the_next_one_to_another() {
        let start = Instant::now();
        let mut breaker = resting(start);
        let now = start + PAUSE;
        assert_eq!(once(&mut breaker, Sign::Nothing, now), Change::None);
        assert_eq!(once(&mut breaker, Sign::Well, now), Change::Closed);
    }

    #[test]
    fn what_was_asked_before_says_nothing_of_what_came_after() {
        let (mut breaker, now) = (breaker(), Instant::now());
        let early = [(); 7].map(|()| breaker.ask(now).expect("nothing is known yet"));
        let mut early = early.into_iter();
        let mut end = |breaker: &mut Breaker, sign| {
            let leave = early.next().expect("as many as there are");
            breaker.end(leave, sign, "late", now)
        };
        let changes = [(); 4].map(|()| end(&mut breaker, Sign::Ill));
        assert_eq!(changes[2..], [Change::Opened, Change::None]);
        assert_eq!(end(&mut breaker, Sign::Well), Change::None);
        assert!(breaker.rest().is_some(), "a late answer opens no door");
        assert_eq!(once(&mut breaker, Sign::Well, now + PAUSE), Change::Closed);
        for _ in 0..2 {
            assert_eq!(end(&mut breaker, Sign::Ill), Change::None);
        }
        assert_eq!(breaker.failures, 0);
    }

    #[test]
    fn an_endpoint_that_answers_is_not_ill_however_it_answers() {
        use Reason::*;
        for (status, failed, sign) in [
            (Some(200), None, Sign::Well),
            (Some(204), Some(InvalidResponseMap), Sign::Well),
            (Some(200), Some(InvalidResponse), Sign::Well),
            (Some(401), Some(AuthenticationFailure), Sign::Well),
            (Some(404), Some(HttpStatus), Sign::Well),
            (Some(302), Some(HttpStatus), Sign::Well),
            (Some(429), Some(HttpStatus), Sign::Ill),
            (Some(500), Some(HttpStatus), Sign::Ill),
            (Some(503), None, Sign::Ill),
            (Some(200), Some(Timeout), Sign::Ill),
            (None, Some(Timeout), Sign::Ill),
            (None, Some(ConnectionFailure), Sign::Ill),
            (None, Some(HttpStatus), Sign::Nothing),
            (None, Some(InvalidResponse), Sign::Nothing),
            (None, Some(AuthenticationFailure), Sign::Nothing),
            (None, Some(InvalidFlowVar), Sign::Nothing),
            (None, Some(InvalidRequest), Sign::Nothing),
            (None, Some(BlockedAddress), Sign::Nothing),
            (None, Some(Overloaded), Sign::Nothing),
            (None, Some(CircuitOpen), Sign::Nothing),
        ] {
            assert_eq!(Sign::of(status, failed), sign, "{status:?} {failed:?}");
        }
    }
}
