//! One delivery attempt: signs the request, sends it, and stores the outcome.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{Instant, timeout, timeout_at};

use super::endpoint_limiter::AttemptEnd;
use super::{Deliver, Delivery, Endpoint, LEASE, Reply, TakenStatuses};
use crate::retry::{self, AttemptFailure, NextStep};
use switchhook_store::stats::StatLabels;
use switchhook_store::{AttemptResult, ClaimedDocument, Clock, DeliveryOutcome, Store};
use switchhook_webhook::signing::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Longest error text that is stored, in bytes; it may contain text of the receiver.
const ERROR_BYTES: usize = 500;

const GONE: u16 = 410;

/// The outcome of an event that was not delivered in time, in metrics.
pub(super) const EXPIRED: &str = "expired";

/// How an attempt went, for the endpoint's limiter and for the page.
pub(super) struct AttemptDone {
    pub(super) end: AttemptEnd,
    /// Status or error of a failed attempt, without secrets; empty for one that was delivered.
    pub(super) result: String,
    /// The receiver answered 410 Gone: the endpoint is paused.
    pub(super) is_gone: bool,
}

/// Sends `claimed` once and stores the outcome.
pub(super) async fn attempt<D: Deliver>(
    store: Store,
    deliver: &D,
    endpoint: &Endpoint,
    claimed: ClaimedDocument,
) -> AttemptDone {
    let begun = Instant::now();
    let clock = store.clock();
    let delivery = prepare(&claimed, endpoint, clock);
    let answer = match timeout(endpoint.timeout, deliver.deliver(&delivery)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {:?}", endpoint.timeout)),
    };
    let decision = decide(&answer, &claimed, &endpoint.taken, clock);
    let report = attempt_report(&answer, &endpoint.taken, begun.elapsed());
    record_outcome(&store, &claimed, &decision, &report);
    if decision.is_gone {
        pause(&store, &claimed.endpoint).await;
    }
    let result = match (decision.ended, &report.error) {
        (AttemptEnd::Delivered, _) => String::new(),
        (AttemptEnd::Failed | AttemptEnd::RetryAfter(_), Some(error)) => error.clone(),
        (AttemptEnd::Failed | AttemptEnd::RetryAfter(_), None) => report
            .status
            .map(|status| format!("HTTP {status}"))
            .unwrap_or_default(),
    };
    settle(&store, &claimed, decision.settled, report, begun + LEASE).await;
    AttemptDone {
        end: decision.ended,
        result,
        is_gone: decision.is_gone,
    }
}

fn prepare(claimed: &ClaimedDocument, endpoint: &Endpoint, clock: Clock) -> Delivery {
    let now_s = i64::try_from(clock.since_1970().as_secs()).unwrap_or(i64::MAX);
    let mut headers = vec![
        (ID_HEADER, claimed.webhook_id.clone()),
        (TIMESTAMP_HEADER, now_s.to_string()),
    ];
    if let Some(signer) = &endpoint.signer {
        let signature = signer.sign(&claimed.webhook_id, now_s, &claimed.content.body);
        headers.push((SIGNATURE_HEADER, signature));
    }
    Delivery {
        endpoint: claimed.endpoint.clone(),
        kind: claimed.kind,
        webhook_id: claimed.webhook_id.clone(),
        call_uuid: claimed.call_uuid.clone(),
        attempt: claimed.attempt,
        content: claimed.content.clone(),
        headers,
        taken: endpoint.taken.clone(),
    }
}

struct Decision {
    settled: DeliveryOutcome,
    ended: AttemptEnd,
    is_gone: bool,
}

fn decide(
    answer: &Result<Reply, String>,
    claimed: &ClaimedDocument,
    taken: &TakenStatuses,
    clock: Clock,
) -> Decision {
    if matches!(answer, Ok(reply) if taken.contain(reply.status)) {
        return Decision {
            settled: DeliveryOutcome::Delivered,
            ended: AttemptEnd::Delivered,
            is_gone: false,
        };
    }
    let (attempt, since_first) = (claimed.attempt, claimed.since_first);
    let requested = requested_wait(answer, clock);
    let outcome = requested.map_or(AttemptFailure::Failed, AttemptFailure::RetryAfter);
    let mut rng = fastrand::Rng::new();
    let step = match claimed.expires_in {
        Some(left) => retry::next_step_of_event(attempt, left, outcome, &mut rng),
        None => retry::next_step(attempt, since_first, outcome, &mut rng),
    };
    let settled = match step {
        NextStep::RetryIn(wait) => DeliveryOutcome::Retry {
            wait,
            not_before: retry::min_gap(attempt).max(requested.unwrap_or_default()),
        },
        NextStep::Dead => DeliveryOutcome::Dead,
        NextStep::Expired => DeliveryOutcome::Expired,
    };
    let ended = match (answer, requested) {
        (
            Ok(Reply {
                status: 429 | 503, ..
            }),
            Some(wait),
        ) => AttemptEnd::RetryAfter(wait),
        (Ok(_) | Err(_), _) => AttemptEnd::Failed,
    };
    Decision {
        settled,
        ended,
        is_gone: matches!(answer, Ok(reply) if reply.status == GONE),
    }
}

fn requested_wait(answer: &Result<Reply, String>, clock: Clock) -> Option<Duration> {
    let value = answer.as_ref().ok()?.retry_after.as_deref()?;
    retry::parse_retry_after(value, UNIX_EPOCH + clock.since_1970())
}

fn attempt_report(
    answer: &Result<Reply, String>,
    taken: &TakenStatuses,
    took: Duration,
) -> AttemptResult {
    let (status, error) = match answer {
        Ok(reply) if taken.contain(reply.status) => (Some(reply.status), None),
        Ok(reply) => (Some(reply.status), reply.failure.as_deref().map(truncate)),
        Err(text) => (None, Some(truncate(text))),
    };
    AttemptResult {
        took,
        status,
        error,
    }
}

fn truncate(text: &str) -> String {
    let end = text.floor_char_boundary(ERROR_BYTES);
    text[..end].to_owned()
}

fn record_outcome(
    store: &Store,
    claimed: &ClaimedDocument,
    decision: &Decision,
    report: &AttemptResult,
) {
    let ClaimedDocument {
        webhook_id,
        endpoint,
        call_uuid,
        attempt,
        ..
    } = claimed;
    let (status, reason) = (report.status, report.error.as_deref());
    let took_ms = report.took.as_millis();
    let outcome = match decision.settled {
        DeliveryOutcome::Delivered => {
            tracing::info!(
                webhook_id,
                endpoint,
                call_uuid,
                attempt,
                status,
                took_ms,
                "delivered"
            );
            "delivered"
        }
        DeliveryOutcome::Retry { wait, .. } => {
            let next_attempt_s = wait.as_secs();
            tracing::warn!(
                webhook_id,
                endpoint,
                call_uuid,
                attempt,
                status,
                reason,
                took_ms,
                next_attempt_s,
                "a delivery failed"
            );
            "failed"
        }
        DeliveryOutcome::Dead => {
            tracing::error!(
                webhook_id,
                endpoint,
                call_uuid,
                attempt,
                status,
                reason,
                "not delivered in eight days: kept as dead; `switchhook outbox retry` sends it again"
            );
            "dead"
        }
        DeliveryOutcome::Expired => {
            tracing::warn!(
                webhook_id,
                endpoint,
                call_uuid,
                attempt,
                status,
                reason,
                "an event was not delivered in time and has expired"
            );
            EXPIRED
        }
    };
    let labels = StatLabels {
        webhook: endpoint,
        flow: &claimed.flow,
        account: claimed.account.as_deref(),
        switch: &claimed.switch,
    };
    store.counter().delivery(labels, outcome, report.took);
    metrics::counter!(switchhook_core::metric_names::DELIVERIES,
        "endpoint" => endpoint.clone(), "outcome" => outcome)
    .increment(1);
}

async fn pause(store: &Store, endpoint: &str) {
    let reason = "it answered 410 Gone";
    tracing::error!(
        endpoint,
        "the endpoint answered 410 Gone and is paused; its documents wait. When it is back: \
         `{}`",
        switchhook_core::shell::command(["switchhook", "outbox", "resume", endpoint])
    );
    if let Err(error) = store.pause(endpoint, reason).await {
        // The next attempt gets 410 again and pauses the endpoint then.
        tracing::warn!(endpoint, %error, "the pause was not stored");
    }
}

/// Stores the outcome, and tries for as long as the lease lasts. After that the document is sent
/// once more under the same id.
async fn settle(
    store: &Store,
    claimed: &ClaimedDocument,
    settled: DeliveryOutcome,
    report: AttemptResult,
    until: Instant,
) {
    let ClaimedDocument {
        lease,
        webhook_id,
        call_uuid,
        ..
    } = claimed;
    loop {
        let Err(error) = store.settle(lease.clone(), settled, report.clone()).await else {
            return;
        };
        let recovered =
            error.is_recoverable() && timeout_at(until, store.recovered()).await.is_ok();
        if !recovered {
            tracing::warn!(webhook_id, call_uuid, %error,
                "the outcome of an attempt was not stored");
            return;
        }
    }
}
