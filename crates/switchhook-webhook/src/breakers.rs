//! The breaker of each webhook that has one: whoever is about to ask asks here first, and
//! tells what came of it.
//!
//! A leaf, as [`switchhook_admin::live_calls`] is: `call_control` and the deliveries ask, `ops` shows. What is
//! decided is decided in [`switchhook_core::breaker`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use chrono_tz::Tz;
use metrics::gauge;
use tokio::time::Instant;
use tracing::{info, warn};

use switchhook_core::breaker::{Breaker, BreakerOptions, Change, Leave, OpenCircuit, Sign};
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::timestamp::clock;

/// What the configuration says of one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerConfig {
    /// The webhook.
    pub webhook: String,
    /// When it is left alone.
    pub options: BreakerOptions,
    /// Its part of the configuration: a webhook that was changed is asked afresh.
    pub settings: String,
    /// Sentences have their times in this zone.
    pub time_zone: Tz,
}

/// The breakers of all webhooks; empty, every webhook is always asked.
#[derive(Debug, Default)]
pub struct Breakers {
    known: ArcSwap<HashMap<String, Arc<Watched>>>,
    refusal: Option<Failure>,
}

#[derive(Debug)]
struct Watched {
    wanted: BreakerConfig,
    breaker: Mutex<Breaker>,
}

/// A webhook's rest, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedWebhook {
    /// When it began, ms since 1970.
    pub since_ms: i64,
    /// When it is asked again.
    pub again: Again,
    /// Failures in a row.
    pub failures: u32,
    /// What was wrong the last time.
    pub why: String,
}

/// When a webhook that rests is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// With the first call from then on, ms since 1970.
    At(i64),
    /// With the next call.
    NextCall,
    /// A call asks it now.
    Now,
}

impl Breakers {
    /// Refuses every question with this failure: for a call that is played again, and was refused.
    #[must_use]
    pub fn refusing(failure: Failure) -> Self {
        Self {
            refusal: Some(failure),
            ..Self::default()
        }
    }

    /// These, of which nothing is known yet.
    pub fn of(wanted: impl Iterator<Item = BreakerConfig>) -> Arc<Self> {
        let breakers = Self::default();
        breakers.replace(wanted);
        Arc::new(breakers)
    }

    /// The breakers from now on. Those of webhooks that are as they were go on as they are.
    pub fn replace(&self, wanted: impl Iterator<Item = BreakerConfig>) {
        let before = self.known.load();
        let keep = |wanted: BreakerConfig| {
            let old = before.get(&wanted.webhook);
            let watched = old.filter(|old| old.wanted == wanted).cloned();
            let watched = watched.unwrap_or_else(|| Arc::new(Watched::new(wanted)));
            (watched.wanted.webhook.clone(), watched)
        };
        let known: HashMap<_, _> = wanted.map(keep).collect();
        for (name, old) in before.iter() {
            if !known.get(name).is_some_and(|kept| Arc::ptr_eq(kept, old)) {
                show(name, false);
            }
        }
        self.known.store(Arc::new(known));
    }

    /// Leave to ask a webhook; its outcome is to be told to it.
    ///
    /// # Errors
    /// `CIRCUIT_OPEN` while it rests.
    pub fn ask(&self, webhook: &str) -> Result<Question, Failure> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let Some(watched) = self.known.load().get(webhook).cloned() else {
            return Ok(Question(None));
        };
        let leave = watched.breaker().ask(now());
        match leave {
            Some(leave) => Ok(Question(Some((watched, leave)))),
            None => Err(watched.refusal()),
        }
    }

    /// A webhook's rest, while it has one.
    #[must_use]
    pub fn resting(&self, webhook: &str) -> Option<PausedWebhook> {
        self.known.load().get(webhook)?.resting()
    }
}

impl Watched {
    fn new(wanted: BreakerConfig) -> Self {
        let breaker = Mutex::new(Breaker::new(wanted.options));
        Self { wanted, breaker }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resting(&self) -> Option<PausedWebhook> {
        Some(resting(self.breaker().rest()?))
    }

    fn refusal(&self) -> Failure {
        let clock = |ms| clock(ms, self.wanted.time_zone);
        let webhook = &self.wanted.webhook;
        let detail = match self.resting() {
            Some(rest) => {
                let again = match rest.again {
                    Again::At(ms) => format!("it is asked again at {}", clock(ms)),
                    Again::NextCall => "it is asked again with the next call".into(),
                    Again::Now => "one call is asking it now".into(),
                };
                let (since, why) = (clock(rest.since_ms), rest.why);
                let after = match rest.failures {
                    1 => format!("a failure ({why})"),
                    more => format!("{more} failures in a row (the last: {why})"),
                };
                format!("{webhook} is not asked since {since}, after {after}; {again}")
            }
            // It ended just now.
            None => format!("{webhook} was not asked; it is asked again with the next call"),
        };
        Failure::new(Reason::CircuitOpen, detail)
    }

    fn end(&self, leave: Leave, sign: Sign, why: &str) {
        let change = self.breaker().end(leave, sign, why, now());
        let BreakerConfig {
            webhook, options, ..
        } = &self.wanted;
        match change {
            Change::None | Change::StillIll => {}
            Change::Opened => {
                show(webhook, true);
                let (failures, pause_s) = (options.failures, options.pause.as_secs_f64());
                warn!(
                    webhook,
                    failures,
                    pause_s,
                    why,
                    "the webhook fails and rests: calls take line 1 with CIRCUIT_OPEN, and one asks it after each pause"
                );
            }
            Change::Closed => {
                show(webhook, false);
                info!(
                    webhook,
                    "the webhook answers again, and is asked by every call"
                );
            }
        }
    }
}

/// A webhook that may be asked. Dropped without an outcome (the caller hung up), it says nothing.
#[derive(Debug)]
pub struct Question(Option<(Arc<Watched>, Leave)>);

impl Question {
    /// What came of it.
    pub fn ended(self, outcome: &Outcome) {
        let failure = outcome.verdict.as_ref().err();
        self.told(outcome.status, failure);
    }

    /// The same of a status, or of a failure.
    pub fn told(mut self, status: Option<u16>, failure: Option<&Failure>) {
        let Some((watched, leave)) = self.0.take() else {
            return;
        };
        let sign = Sign::of(status, failure.map(|failure| failure.reason));
        match (failure, status) {
            (Some(failure), _) => watched.end(leave, sign, &failure.detail),
            (None, Some(status)) => watched.end(leave, sign, &format!("it answered {status}")),
            (None, None) => watched.end(leave, sign, ""),
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some((watched, leave)) = self.0.take() {
            watched.end(leave, Sign::Nothing, "");
        }
    }
}

fn show(webhook: &str, rests: bool) {
    let value = if rests { 1.0 } else { 0.0 };
    gauge!(metric_names::CIRCUIT_OPEN, "webhook" => webhook.to_owned()).set(value);
}

/// Paused in tests as the runtime's clock is.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn resting(rest: &OpenCircuit) -> PausedWebhook {
    let (now, now_ms) = (now(), clock::now_ms());
    let ms = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let left = rest.until.saturating_duration_since(now);
    PausedWebhook {
        since_ms: now_ms.saturating_sub(ms(now.saturating_duration_since(rest.since))),
        again: match (rest.is_tried, left.is_zero()) {
            (true, _) => Again::Now,
            (false, true) => Again::NextCall,
            (false, false) => Again::At(now_ms.saturating_add(ms(left))),
        },
        failures: rest.failures,
        why: rest.why.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn wanted(settings: &str) -> BreakerConfig {
        BreakerConfig {
            webhook: "crm".into(),
            options: BreakerOptions {
                failures: 2,
                pause: PAUSE,
            },
            settings: settings.into(),
            time_zone: Tz::UTC,
        }
    }

    fn breakers() -> Arc<Breakers> {
        Breakers::of([wanted("as it is")].into_iter())
    }

    fn fail(breakers: &Breakers) {
        let failure = Failure::new(
            Reason::Timeout,
            "no answer from crm.example:443 within 10 s",
        );
        breakers
            .ask("crm")
            .unwrap()
            .ended(&Outcome::unsent(failure));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_is_told_since_when_why_and_until_when() {
        let breakers = breakers();
        assert!(breakers.ask("another").is_ok());
        fail(&breakers);
        fail(&breakers);
        let failure = breakers.ask("crm").unwrap_err();
        assert_eq!(failure.reason, Reason::CircuitOpen);
        let shape = regex::Regex::new(
            r"^crm is not asked since \d\d:\d\d:\d\d, after 2 failures in a row \(the last: no answer from crm.example:443 within 10 s\); it is asked again at \d\d:\d\d:\d\d$",
        );
        assert!(shape.unwrap().is_match(&failure.detail), "{failure}");
        tokio::time::advance(PAUSE).await;
        let probe = breakers.ask("crm").unwrap();
        let refused = breakers.ask("crm").unwrap_err();
        assert!(refused.detail.ends_with("; one call is asking it now"));
        // Its caller hung up: the next one asks.
        drop(probe);
        let next = breakers.resting("crm").map(|rest| rest.again);
        assert_eq!(next, Some(Again::NextCall));
        breakers.ask("crm").unwrap().told(Some(404), None);
        assert_eq!(breakers.resting("crm"), None);
        assert!(breakers.ask("crm").is_ok());
    }

    #[test]
    fn a_reload_forgets_the_rest_of_a_webhook_that_was_changed_and_of_no_other() {
        let breakers = breakers();
        fail(&breakers);
        fail(&breakers);
        breakers.replace([wanted("as it is")].into_iter());
        assert!(breakers.ask("crm").is_err());
        breakers.replace([wanted("another URL")].into_iter());
        assert!(breakers.ask("crm").is_ok());
    }
}
