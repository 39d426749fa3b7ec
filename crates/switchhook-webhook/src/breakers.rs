//! The circuit breakers of all webhooks. Senders get a permit before each request and record its
//! outcome; the operator's page reads the open circuits.
//!
//! The rules are in [`switchhook_core::breaker`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use metrics::gauge;
use switchhook_core::zone::Zone;
use tokio::time::Instant;
use tracing::{info, warn};

use switchhook_core::breaker::{
    Breaker, BreakerOptions, BreakerPermit, CircuitChange, EndpointSignal, OpenCircuit,
};
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::timestamp::time_of_day_with_offset;

/// The configuration of one webhook's breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerConfig {
    /// The webhook's name.
    pub webhook: String,
    /// How many `fallback_urls` it has; each has a circuit of its own.
    pub fallback_urls: usize,
    /// When its circuit opens, and for how long.
    pub options: BreakerOptions,
    /// The webhook's settings as text: if they change, its circuit closes.
    pub settings: String,
    /// The time zone of times in sentences.
    pub time_zone: Zone,
}

/// The breakers of all webhooks. Without breakers, every request is allowed.
#[derive(Debug, Default)]
pub struct Breakers {
    by_webhook: ArcSwap<HashMap<String, Arc<WebhookBreaker>>>,
    refusal: Option<Failure>,
}

#[derive(Debug)]
struct WebhookBreaker {
    config: BreakerConfig,
    /// The circuit's name for people: the webhook's, or that of one of its `fallback_urls`.
    label: String,
    /// The metric's label `url`: a place in the configuration, since a URL may hold secrets.
    url: String,
    breaker: Mutex<Breaker>,
    fallback_urls: Vec<Arc<WebhookBreaker>>,
}

/// An open circuit, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitStatus {
    /// When it opened, ms since 1970.
    pub since_ms: i64,
    /// When the next request probes the webhook.
    pub next_probe: NextProbe,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure, in words.
    pub last_error: String,
}

/// When the next request probes a webhook with an open circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextProbe {
    /// The first call from then on, ms since 1970.
    At(i64),
    /// The next call.
    NextCall,
    /// A call is probing it now.
    InProgress,
}

impl Breakers {
    /// Creates breakers that refuse every request with this failure, to replay a call that was
    /// refused.
    #[must_use]
    pub fn refusing(failure: Failure) -> Self {
        Self {
            refusal: Some(failure),
            ..Self::default()
        }
    }

    /// Creates closed breakers.
    pub fn of(config: impl Iterator<Item = BreakerConfig>) -> Arc<Self> {
        let breakers = Self::default();
        breakers.replace(config);
        Arc::new(breakers)
    }

    /// Replaces the breakers. Webhooks with unchanged settings keep their state.
    pub fn replace(&self, config: impl Iterator<Item = BreakerConfig>) {
        let before = self.by_webhook.load();
        let keep = |config: BreakerConfig| {
            let old = before.get(&config.webhook);
            let breaker = old.filter(|old| old.config == config).cloned();
            let breaker = breaker.unwrap_or_else(|| Arc::new(WebhookBreaker::new(config)));
            (breaker.config.webhook.clone(), breaker)
        };
        let by_webhook: HashMap<_, _> = config.map(keep).collect();
        let is_in = |all: &HashMap<String, Arc<WebhookBreaker>>, one: &Arc<WebhookBreaker>| {
            let same = all.get(&one.config.webhook);
            same.is_some_and(|same| Arc::ptr_eq(same, one))
        };
        let gone = before.values().filter(|old| !is_in(&by_webhook, old));
        gone.for_each(|old| old.hide());
        let new = by_webhook.values().filter(|new| !is_in(&before, new));
        new.flat_map(|new| new.urls())
            .for_each(|url| url.show(false));
        self.by_webhook.store(Arc::new(by_webhook));
    }

    /// Returns a permit for one request to a webhook; record its outcome with it.
    ///
    /// # Errors
    /// `CIRCUIT_OPEN` while the circuit is open.
    pub fn acquire(&self, webhook: &str) -> Result<WebhookPermit, Failure> {
        self.acquire_url(webhook, 0)
    }

    /// Returns a permit for one request to a webhook's URL (0) or to one of its `fallback_urls`
    /// (from 1).
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub(crate) fn acquire_url(&self, webhook: &str, url: usize) -> Result<WebhookPermit, Failure> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let found = self.by_webhook.load().get(webhook).cloned();
        let found = found.and_then(|breaker| match url.checked_sub(1) {
            None => Some(breaker),
            Some(fallback) => breaker.fallback_urls.get(fallback).cloned(),
        });
        let Some(breaker) = found else {
            return Ok(WebhookPermit(None));
        };
        let permit = breaker.lock().try_acquire(now());
        match permit {
            Some(permit) => Ok(WebhookPermit(Some((breaker, permit)))),
            None => Err(breaker.refusal()),
        }
    }

    /// Returns the circuits of a webhook's URL and of its `fallback_urls`, in this order; `None`
    /// stands for a closed one. Empty without a breaker.
    #[must_use]
    pub fn circuits(&self, webhook: &str) -> Vec<Option<CircuitStatus>> {
        let by_webhook = self.by_webhook.load();
        let urls = by_webhook.get(webhook).into_iter();
        urls.flat_map(|breaker| breaker.urls())
            .map(WebhookBreaker::status)
            .collect()
    }
}

impl WebhookBreaker {
    fn new(config: BreakerConfig) -> Self {
        let fallback = |number| {
            let label = format!("{} (fallback_urls, number {number})", config.webhook);
            let url = format!("fallback_urls.{number}");
            Arc::new(Self::named((label, url), config.clone(), Vec::new()))
        };
        let fallback_urls = (1..=config.fallback_urls).map(fallback).collect();
        let names = (config.webhook.clone(), metric_names::FIRST_URL.to_owned());
        Self::named(names, config, fallback_urls)
    }

    fn named(
        (label, url): (String, String),
        config: BreakerConfig,
        fallback_urls: Vec<Arc<Self>>,
    ) -> Self {
        Self {
            label,
            url,
            breaker: Mutex::new(Breaker::new(config.options)),
            config,
            fallback_urls,
        }
    }

    /// Returns the breakers of the webhook's URL and of its `fallback_urls`.
    fn urls(&self) -> impl Iterator<Item = &Self> {
        let fallback_urls = self.fallback_urls.iter().map(|url| &**url);
        std::iter::once(self).chain(fallback_urls)
    }

    /// Sets the metric of the URL.
    fn show(&self, open: bool) {
        self.set_gauge(if open { 1.0 } else { 0.0 });
    }

    /// Takes the `fallback_urls` out of the metric: they may be gone. The webhook's URL stays.
    fn hide(&self) {
        self.show(false);
        let fallback_urls = self.fallback_urls.iter();
        fallback_urls.for_each(|url| url.set_gauge(f64::NAN));
    }

    fn set_gauge(&self, value: f64) {
        let (webhook, url) = (self.config.webhook.clone(), self.url.clone());
        gauge!(metric_names::CIRCUIT_OPEN, "webhook" => webhook, "url" => url).set(value);
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Option<CircuitStatus> {
        Some(status(self.lock().open_circuit()?))
    }

    fn refusal(&self) -> Failure {
        let clock = |ms| time_of_day_with_offset(ms, self.config.time_zone);
        let webhook = &self.label;
        let detail = match self.status() {
            Some(open_circuit) => {
                let next_probe = match open_circuit.next_probe {
                    NextProbe::At(ms) => format!("it is tried again at {}", clock(ms)),
                    NextProbe::NextCall => "it is tried again with the next call".into(),
                    NextProbe::InProgress => "one call is trying it now".into(),
                };
                let (since, last_error) = (clock(open_circuit.since_ms), open_circuit.last_error);
                let after = match open_circuit.failures {
                    1 => format!("a failure ({last_error})"),
                    more => format!("{more} failures in a row (the last: {last_error})"),
                };
                format!(
                    "the circuit of {webhook} is open since {since}, after {after}; {next_probe}"
                )
            }
            // It closed a moment ago.
            None => format!(
                "the circuit of {webhook} was open until a moment ago; it is tried again with the next call"
            ),
        };
        Failure::new(Reason::CircuitOpen, detail)
    }

    /// Says what follows from the circuit's opening.
    const fn opened(&self) -> &'static str {
        if self.config.fallback_urls == 0 {
            "the webhook's circuit opened: calls take line 1 with CIRCUIT_OPEN, and one call probes the webhook after each pause"
        } else {
            "the circuit of one of the webhook's URLs opened: calls ask its other URLs, and one call probes this one after each pause"
        }
    }

    fn finish(&self, permit: BreakerPermit, signal: EndpointSignal, last_error: &str) {
        let change = self.lock().record(permit, signal, last_error, now());
        let (webhook, options) = (&self.label, &self.config.options);
        match change {
            CircuitChange::None | CircuitChange::ProbeFailed => {}
            CircuitChange::Opened => {
                self.show(true);
                let (failures, pause_s) = (options.failures, options.pause.as_secs_f64());
                warn!(
                    webhook,
                    failures,
                    pause_s,
                    why = last_error,
                    "{}",
                    self.opened()
                );
            }
            CircuitChange::Closed => {
                self.show(false);
                info!(
                    webhook,
                    "the webhook's circuit closed: it answers, and every call sends its request again"
                );
            }
        }
    }
}

/// A permit for one request. Dropped without an outcome (the caller hung up), it counts as no
/// evidence.
#[derive(Debug)]
pub struct WebhookPermit(Option<(Arc<WebhookBreaker>, BreakerPermit)>);

impl WebhookPermit {
    /// Records the outcome of the request.
    pub fn record_outcome(self, outcome: &Outcome) {
        let failure = outcome.verdict.as_ref().err();
        self.record(outcome.status, failure);
    }

    /// Records a status, or a failure.
    pub fn record(mut self, status: Option<u16>, failure: Option<&Failure>) {
        let Some((breaker, permit)) = self.0.take() else {
            return;
        };
        let signal = if failure.is_some_and(|failure| failure.is_fault) {
            EndpointSignal::Healthy
        } else {
            EndpointSignal::of(status, failure.map(|failure| failure.reason))
        };
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

/// The runtime's clock, which tests can pause.
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
mod tests;
