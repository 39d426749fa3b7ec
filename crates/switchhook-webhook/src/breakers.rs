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

use switchhook_core::breaker::{
    Breaker, BreakerOptions, BreakerPermit, CircuitChange, EndpointSignal, OpenCircuit,
};
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::timestamp::time_of_day;

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
    by_webhook: ArcSwap<HashMap<String, Arc<WebhookBreaker>>>,
    refusal: Option<Failure>,
}

#[derive(Debug)]
struct WebhookBreaker {
    config: BreakerConfig,
    breaker: Mutex<Breaker>,
}

/// A webhook's rest, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitStatus {
    /// When it began, ms since 1970.
    pub since_ms: i64,
    /// When it is asked again.
    pub next_probe: NextProbe,
    /// Failures in a row.
    pub failures: u32,
    /// What was wrong the last time.
    pub last_error: String,
}

/// When a webhook that rests is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextProbe {
    /// With the first call from then on, ms since 1970.
    At(i64),
    /// With the next call.
    NextCall,
    /// A call asks it now.
    InProgress,
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
    pub fn of(config: impl Iterator<Item = BreakerConfig>) -> Arc<Self> {
        let breakers = Self::default();
        breakers.replace(config);
        Arc::new(breakers)
    }

    /// The breakers from now on. Those of webhooks that are as they were go on as they are.
    pub fn replace(&self, config: impl Iterator<Item = BreakerConfig>) {
        let before = self.by_webhook.load();
        let keep = |config: BreakerConfig| {
            let old = before.get(&config.webhook);
            let breaker = old.filter(|old| old.config == config).cloned();
            let breaker = breaker.unwrap_or_else(|| Arc::new(WebhookBreaker::new(config)));
            (breaker.config.webhook.clone(), breaker)
        };
        let by_webhook: HashMap<_, _> = config.map(keep).collect();
        for (name, old) in before.iter() {
            if !by_webhook
                .get(name)
                .is_some_and(|kept| Arc::ptr_eq(kept, old))
            {
                show(name, false);
            }
        }
        self.by_webhook.store(Arc::new(by_webhook));
    }

    /// BreakerPermit to ask a webhook; its outcome is to be told to it.
    ///
    /// # Errors
    /// `CIRCUIT_OPEN` while it rests.
    pub fn acquire(&self, webhook: &str) -> Result<WebhookPermit, Failure> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let Some(breaker) = self.by_webhook.load().get(webhook).cloned() else {
            return Ok(WebhookPermit(None));
        };
        let permit = breaker.lock().try_acquire(now());
        match permit {
            Some(permit) => Ok(WebhookPermit(Some((breaker, permit)))),
            None => Err(breaker.refusal()),
        }
    }

    /// A webhook's rest, while it has one.
    #[must_use]
    pub fn status(&self, webhook: &str) -> Option<CircuitStatus> {
        self.by_webhook.load().get(webhook)?.status()
    }
}

impl WebhookBreaker {
    fn new(config: BreakerConfig) -> Self {
        let breaker = Mutex::new(Breaker::new(config.options));
        Self { config, breaker }
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Option<CircuitStatus> {
        Some(status(self.lock().open_circuit()?))
    }

    fn refusal(&self) -> Failure {
        let clock = |ms| time_of_day(ms, self.config.time_zone);
        let webhook = &self.config.webhook;
        let detail = match self.status() {
            Some(open_circuit) => {
                let next_probe = match open_circuit.next_probe {
                    NextProbe::At(ms) => format!("it is asked again at {}", clock(ms)),
                    NextProbe::NextCall => "it is asked again with the next call".into(),
                    NextProbe::InProgress => "one call is asking it now".into(),
                };
                let (since, last_error) = (clock(open_circuit.since_ms), open_circuit.last_error);
                let after = match open_circuit.failures {
                    1 => format!("a failure ({last_error})"),
                    more => format!("{more} failures in a row (the last: {last_error})"),
                };
                format!("{webhook} is not asked since {since}, after {after}; {next_probe}")
            }
            // It ended just now.
            None => format!("{webhook} was not asked; it is asked again with the next call"),
        };
        Failure::new(Reason::CircuitOpen, detail)
    }

    fn finish(&self, permit: BreakerPermit, signal: EndpointSignal, last_error: &str) {
        let change = self.lock().record(permit, signal, last_error, now());
        let BreakerConfig {
            webhook, options, ..
        } = &self.config;
        match change {
            CircuitChange::None | CircuitChange::ProbeFailed => {}
            CircuitChange::Opened => {
                show(webhook, true);
                let (failures, pause_s) = (options.failures, options.pause.as_secs_f64());
                warn!(
                    webhook,
                    failures,
                    pause_s,
                    why = last_error,
                    "the webhook fails and rests: calls take line 1 with CIRCUIT_OPEN, and one asks it after each pause"
                );
            }
            CircuitChange::Closed => {
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
pub struct WebhookPermit(Option<(Arc<WebhookBreaker>, BreakerPermit)>);

impl WebhookPermit {
    /// What came of it.
    pub fn record_outcome(self, outcome: &Outcome) {
        let failure = outcome.verdict.as_ref().err();
        self.record(outcome.status, failure);
    }

    /// The same of a status, or of a failure.
    pub fn record(mut self, status: Option<u16>, failure: Option<&Failure>) {
        let Some((breaker, permit)) = self.0.take() else {
            return;
        };
        let signal = EndpointSignal::of(status, failure.map(|failure| failure.reason));
        match (failure, status) {
            (Some(failure), _) => breaker.finish(permit, signal, &failure.detail),
            (None, Some(status)) => {
                breaker.finish(permit, signal, &format!("it answered {status}"))
            }
            (None, None) => breaker.finish(permit, signal, ""),
        }
    }
}

impl Drop for WebhookPermit {
    fn drop(&mut self) {
        if let Some((breaker, permit)) = self.0.take() {
            breaker.finish(permit, EndpointSignal::Unknown, "");
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

fn status(open_circuit: &OpenCircuit) -> CircuitStatus {
    let (now, now_ms) = (now(), clock::now_ms());
    let ms = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let left = open_circuit.until.saturating_duration_since(now);
    CircuitStatus {
        since_ms: now_ms.saturating_sub(ms(now.saturating_duration_since(open_circuit.since))),
        next_probe: match (open_circuit.probing, left.is_zero()) {
            (true, _) => NextProbe::InProgress,
            (false, true) => NextProbe::NextCall,
            (false, false) => NextProbe::At(now_ms.saturating_add(ms(left))),
        },
        failures: open_circuit.failures,
        last_error: open_circuit.last_error.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn config(settings: &str) -> BreakerConfig {
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
        Breakers::of([config("as it is")].into_iter())
    }

    fn fail(breakers: &Breakers) {
        let failure = Failure::new(
            Reason::Timeout,
            "no answer from crm.example:443 within 10 s",
        );
        breakers
            .acquire("crm")
            .unwrap()
            .record_outcome(&Outcome::unsent(failure));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_is_told_since_when_why_and_until_when() {
        let breakers = breakers();
        assert!(breakers.acquire("another").is_ok());
        fail(&breakers);
        fail(&breakers);
        let failure = breakers.acquire("crm").unwrap_err();
        assert_eq!(failure.reason, Reason::CircuitOpen);
        let shape = regex::Regex::new(
            r"^crm is not asked since \d\d:\d\d:\d\d, after 2 failures in a row \(the last: no answer from crm.example:443 within 10 s\); it is asked again at \d\d:\d\d:\d\d$",
        );
        assert!(shape.unwrap().is_match(&failure.detail), "{failure}");
        tokio::time::advance(PAUSE).await;
        let probe = breakers.acquire("crm").unwrap();
        let refused = breakers.acquire("crm").unwrap_err();
        assert!(refused.detail.ends_with("; one call is asking it now"));
        // Its caller hung up: the next one asks.
        drop(probe);
        let next = breakers
            .status("crm")
            .map(|open_circuit| open_circuit.next_probe);
        assert_eq!(next, Some(NextProbe::NextCall));
        breakers.acquire("crm").unwrap().record(Some(404), None);
        assert_eq!(breakers.status("crm"), None);
        assert!(breakers.acquire("crm").is_ok());
    }

    #[test]
    fn a_reload_forgets_the_rest_of_a_webhook_that_was_changed_and_of_no_other() {
        let breakers = breakers();
        fail(&breakers);
        fail(&breakers);
        breakers.replace([config("as it is")].into_iter());
        assert!(breakers.acquire("crm").is_err());
        breakers.replace([config("another URL")].into_iter());
        assert!(breakers.acquire("crm").is_ok());
    }
}
