//! Sends a request in several tries: again to the same URL, or to the webhook's `fallback_urls`,
//! within one deadline.
//!
//! The tries go round the URLs in their order, so that after one fault the caller gets the next
//! server at once. A URL whose circuit is open is passed over. A URL that was tried before waits
//! for a moment, or for its `Retry-After`.

use std::time::{Duration, SystemTime};

use metrics::counter;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::connections::NoAnswer;
use super::{Client, Delivery, Exchanged, SendContext, is_unsent};
use crate::breakers::{Breakers, WebhookPermit};
use crate::compile::Webhook;
use crate::prepared::Prepared;
use crate::token::TokenRefusal;
use crate::{redact, retry_after};
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Outcome, Reason, Try};

/// The pause before the second try of one URL; it doubles before each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// The tries of one request.
pub(super) struct Tries<'a> {
    webhook: &'a Webhook,
    breakers: Option<&'a Breakers>,
    targets: Vec<Target>,
    began: Instant,
    until: Instant,
    /// The index of the URL that comes next.
    next: usize,
    left: usize,
    tried: Vec<Try>,
}

/// One URL.
struct Target {
    url: Result<Url, Failure>,
    tried: u32,
    not_before: Instant,
    /// It is not tried again for this request.
    is_out: bool,
}

/// A try that is due.
pub(super) struct Turn {
    pub(super) url: Url,
    pub(super) limit: Duration,
    index: usize,
    began: Instant,
    permit: Option<WebhookPermit>,
}

/// How a try ended.
pub(super) struct TryEnd<'e> {
    pub(super) status: Option<u16>,
    pub(super) failure: Option<&'e Failure>,
    pub(super) retry_after: Option<&'e str>,
    /// What the token endpoint answered, if there was no token.
    pub(super) token: Option<&'e TokenRefusal>,
    /// Nothing was sent.
    pub(super) unsent: bool,
}

impl<'a> Tries<'a> {
    pub(super) fn new(
        webhook: &'a Webhook,
        prepared: &mut Prepared,
        breakers: Option<&'a Breakers>,
        deadline: Duration,
    ) -> Self {
        let began = Instant::now();
        let target = |url| Target {
            url,
            tried: 0,
            not_before: began,
            is_out: false,
        };
        let fallback_urls = std::mem::take(&mut prepared.fallback_urls);
        let first = target(Ok(prepared.url.clone()));
        let targets: Vec<Target> = [first]
            .into_iter()
            .chain(fallback_urls.into_iter().map(target))
            .collect();
        let attempts = usize::try_from(webhook.retry.attempts).unwrap_or(usize::MAX);
        Self {
            webhook,
            breakers,
            left: attempts.max(targets.len()),
            targets,
            began,
            until: began + deadline,
            next: 0,
            tried: Vec::new(),
        }
    }

    /// Waits for the next try; `None` when there is none within the deadline.
    pub(super) async fn next(&mut self) -> Option<Turn> {
        while self.left > 0 {
            let index = self.choose()?;
            sleep_until(self.targets[index].not_before).await;
            match self.begin(index) {
                Ok(turn) => return turn,
                Err(failure) => self.pass_over(index, failure),
            }
        }
        None
    }

    /// Returns the next URL in turn that may be asked now, or else the one that may be first.
    fn choose(&self) -> Option<usize> {
        let (now, count) = (Instant::now(), self.targets.len());
        let in_turn = (0..count).map(|offset| (self.next + offset) % count);
        let usable = in_turn.filter(|index| !self.targets[*index].is_out);
        let wait = |index: &usize| self.targets[*index].not_before.max(now);
        // The first of those that wait equally long.
        let chosen = usable.min_by_key(wait)?;
        (self.targets[chosen].not_before < self.until).then_some(chosen)
    }

    fn begin(&self, index: usize) -> Result<Option<Turn>, Failure> {
        let url = self.targets[index].url.clone()?;
        let permit = match self.breakers {
            Some(breakers) => Some(breakers.acquire_url(self.webhook.name(), index)?),
            None => None,
        };
        let began = Instant::now();
        let left = self.until.saturating_duration_since(began);
        if left.is_zero() {
            return Ok(None);
        }
        let shares = u32::try_from(self.left).unwrap_or(u32::MAX);
        // The last try has nothing to make room for: a late answer is better than none.
        let limit = self.webhook.retry.attempt_timeout.filter(|_| shares > 1);
        Ok(Some(Turn {
            url,
            limit: limit.unwrap_or(left / shares).min(left),
            index,
            began,
            permit,
        }))
    }

    fn pass_over(&mut self, index: usize, failure: Failure) {
        let target = &mut self.targets[index];
        target.is_out = true;
        let url = target.url.as_ref().ok();
        self.tried.push(Try {
            url: url.map_or_else(
                || "a fallback URL".into(),
                |url| redact::url(url).into_owned(),
            ),
            began: self.began.elapsed(),
            duration: None,
            status: None,
            failure: Some(failure),
        });
        self.left -= 1;
        self.next = (index + 1) % self.targets.len();
    }

    /// Notes how a try ended. Returns whether another may follow.
    pub(super) fn ended(&mut self, turn: Turn, end: &TryEnd<'_>) -> bool {
        if let Some(permit) = turn.permit {
            permit.record(end.status, end.failure);
        }
        if !self.webhook.is_tried_once() {
            self.count(end.failure);
        }
        self.tried.push(Try {
            url: redact::url(&turn.url).into_owned(),
            began: turn.began - self.began,
            duration: (!end.unsent).then(|| turn.began.elapsed()),
            status: end.status,
            failure: end.failure.cloned(),
        });
        self.left -= 1;
        self.next = (turn.index + 1) % self.targets.len();
        let status = match end.token {
            Some(token) => token.status,
            None => end.status,
        };
        let retried = self.webhook.retry.applies(status, end.failure);
        match end.token {
            _ if !retried => {}
            // All URLs share the token endpoint.
            Some(token) => {
                let said = token.retry_after.as_deref();
                (0..self.targets.len()).for_each(|index| self.pause(index, said));
            }
            None => self.pause(turn.index, end.retry_after),
        }
        retried && self.left > 0
    }

    fn count(&self, failure: Option<&Failure>) {
        let reason = failure.map_or(Reason::SUCCESS, |failure| failure.reason.as_str());
        let webhook = self.webhook.name().to_owned();
        counter!(metric_names::TRIES, "webhook" => webhook, "reason" => reason).increment(1);
    }

    /// Decides when a URL may be tried again.
    fn pause(&mut self, index: usize, said: Option<&str>) {
        let (now, until) = (Instant::now(), self.until);
        let target = &mut self.targets[index];
        target.tried += 1;
        let said = said.and_then(|said| retry_after::parse(said, SystemTime::now()));
        let wait = said.unwrap_or_else(|| {
            // With jitter, so that callers who failed together do not come back together.
            let longest = PAUSE * (1 << target.tried.min(6)) / 2;
            longest.mul_f64(0.5 + fastrand::f64() / 2.0)
        });
        match now.checked_add(wait) {
            Some(at) if at < until => target.not_before = at,
            Some(_) | None => target.is_out = true,
        }
    }

    pub(super) fn into_tried(self) -> Vec<Try> {
        self.tried
    }
}

/// Returns the failure of the first URL that was passed over.
pub(super) fn first_failure(tried: &[Try]) -> Failure {
    let first = tried.iter().find_map(|one| one.failure.clone());
    first.unwrap_or_else(|| Failure::new(Reason::Timeout, "there was no time for a try"))
}

/// Sends a request in tries and waits for the outcome of the last.
pub(super) async fn send(
    client: &Client,
    webhook: &Webhook,
    mut prepared: Box<Prepared>,
    context: SendContext<'_>,
) -> Outcome {
    let began = Instant::now();
    let mut tries = Tries::new(webhook, &mut prepared, context.breakers, webhook.timeout());
    let mut last: Option<Exchanged> = None;
    while let Some(turn) = tries.next().await {
        prepared.url.clone_from(&turn.url);
        let exchanged = client
            .exchange_within(webhook, &mut prepared, turn.limit)
            .await;
        let end = TryEnd {
            status: exchanged.outcome.status,
            failure: exchanged.outcome.verdict.as_ref().err(),
            retry_after: exchanged.retry_after.as_deref(),
            token: exchanged.token.as_deref(),
            unsent: exchanged.outcome.duration.is_none(),
        };
        let goes_on = tries.ended(turn, &end);
        last = Some(exchanged);
        if !goes_on {
            break;
        }
    }
    let tried = tries.into_tried();
    let Some(Exchanged { outcome, meta, .. }) = last else {
        return Outcome::unsent(first_failure(&tried)).with_tries(tried);
    };
    if let Some(note) = context.note {
        *note = meta;
    }
    let duration = outcome.duration.map(|_| began.elapsed());
    Outcome {
        duration,
        ..outcome
    }
    .with_tries(tried)
}

/// Delivers in tries: also of a webhook with one try.
pub(super) async fn deliver(
    client: &Client,
    webhook: &Webhook,
    mut prepared: Prepared,
    (deadline, breakers): (Duration, Option<&Breakers>),
) -> Result<Delivery, Failure> {
    let mut tries = Tries::new(webhook, &mut prepared, breakers, deadline);
    let mut last: Option<Result<Delivery, NoAnswer>> = None;
    while let Some(turn) = tries.next().await {
        prepared.url.clone_from(&turn.url);
        let delivered = client
            .deliver_within(webhook, &mut prepared, turn.limit)
            .await;
        let (answered, none) = (delivered.as_ref().ok(), delivered.as_ref().err());
        let fault = answered.and_then(|delivery| delivery.failure.as_ref());
        let fault = fault.filter(|failure| failure.is_fault);
        let failure = none.map(|none| &none.failure).or(fault);
        let end = TryEnd {
            status: answered.map(|delivery| delivery.status),
            failure,
            retry_after: answered.and_then(|delivery| delivery.retry_after.as_deref()),
            token: none.and_then(|none| none.token.as_deref()),
            unsent: failure.is_some_and(is_unsent),
        };
        let goes_on = tries.ended(turn, &end);
        last = Some(delivered);
        if !goes_on {
            break;
        }
    }
    let tried = tries.into_tried();
    let last = last.unwrap_or_else(|| Err(first_failure(&tried).into()));
    last.map_err(|none| none.failure.of_tries(&tried))
}
