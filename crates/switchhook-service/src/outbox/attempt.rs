//! One attempt: stamped, signed, sent, and what follows from how it went.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{Instant, timeout, timeout_at};

use super::endpoint_limiter::Ended;
use super::{Deliver, Delivery, Endpoint, LEASE, Reply};
use crate::retry::{self, Next, Outcome};
use switchhook_store::{AttemptReport, Claimed, Clock, Settled, Store};
use switchhook_webhook::signing::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// The longest error text kept; a receiver's text may be in it.
const ERROR_BYTES: usize = 500;

const GONE: u16 = 410;

/// Sends `claimed` once and stores what came of it.
pub(super) async fn attempt<D: Deliver>(
    store: Store,
    deliver: &D,
    endpoint: &Endpoint,
    claimed: Claimed,
) -> Ended {
    let begun = Instant::now();
    let clock = store.clock();
    let delivery = prepare(&claimed, endpoint, clock);
    let answer = match timeout(endpoint.timeout, deliver.deliver(&delivery)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {:?}", endpoint.timeout)),
    };
    let verdict = judge(&answer, claimed.attempt, claimed.since_first, clock);
    let report = report(&answer, begun.elapsed());
    tell(&claimed, &verdict, &report);
    if answer.is_ok_and(|reply| reply.status == GONE) {
        pause(&store, &claimed.endpoint).await;
    }
    settle(&store, &claimed, verdict.settled, report, begun + LEASE).await;
    verdict.ended
}

fn prepare(claimed: &Claimed, endpoint: &Endpoint, clock: Clock) -> Delivery {
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
    }
}

struct Verdict {
    settled: Settled,
    ended: Ended,
}

fn judge(
    answer: &Result<Reply, String>,
    attempt: u32,
    since_first: Duration,
    clock: Clock,
) -> Verdict {
    if matches!(answer, Ok(reply) if (200..300).contains(&reply.status)) {
        return Verdict {
            settled: Settled::Delivered,
            ended: Ended::Delivered,
        };
    }
    let asked = asked_wait(answer, clock);
    let outcome = asked.map_or(Outcome::Failed, Outcome::RetryAfter);
    let settled = match retry::next(attempt, since_first, outcome, &mut fastrand::Rng::new()) {
        Next::At(wait) => Settled::Again {
            wait,
            not_before: retry::least_gap(attempt).max(asked.unwrap_or_default()),
        },
        Next::Dead => Settled::Dead,
    };
    let ended = match (answer, asked) {
        (
            Ok(Reply {
                status: 429 | 503, ..
            }),
            Some(wait),
        ) => Ended::Busy(wait),
        (Ok(_) | Err(_), _) => Ended::Failed,
    };
    Verdict { settled, ended }
}

fn asked_wait(answer: &Result<Reply, String>, clock: Clock) -> Option<Duration> {
    let value = answer.as_ref().ok()?.retry_after.as_deref()?;
    retry::parse_retry_after(value, UNIX_EPOCH + clock.since_1970())
}

fn report(answer: &Result<Reply, String>, took: Duration) -> AttemptReport {
    let (status, error) = match answer {
        Ok(reply) => (Some(reply.status), None),
        Err(text) => (None, Some(clip(text))),
    };
    AttemptReport {
        took,
        status,
        error,
    }
}

fn clip(text: &str) -> String {
    let end = text.floor_char_boundary(ERROR_BYTES);
    text[..end].to_owned()
}

fn tell(claimed: &Claimed, verdict: &Verdict, report: &AttemptReport) {
    let Claimed {
        webhook_id,
        endpoint,
        call_uuid,
        attempt,
        ..
    } = claimed;
    let (status, error) = (report.status, report.error.as_deref());
    let took_ms = report.took.as_millis();
    let outcome = match verdict.settled {
        Settled::Delivered => {
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
        Settled::Again { wait, .. } => {
            let next_s = wait.as_secs();
            tracing::debug!(
                webhook_id,
                endpoint,
                call_uuid,
                attempt,
                status,
                error,
                took_ms,
                next_s,
                "not delivered, tried again later"
            );
            "failed"
        }
        Settled::Dead => {
            tracing::error!(
                webhook_id,
                endpoint,
                call_uuid,
                attempt,
                status,
                error,
                "not delivered in eight days: kept as dead; `switchhook outbox retry` sends it again"
            );
            "dead"
        }
    };
    metrics::counter!(switchhook_core::metric_names::DELIVERIES,
        "endpoint" => endpoint.clone(), "outcome" => outcome)
    .increment(1);
}

async fn pause(store: &Store, endpoint: &str) {
    let reason = "it answered 410 Gone";
    tracing::error!(
        endpoint,
        "the endpoint answered 410 Gone and is paused; its documents wait. When it is back: \
         `switchhook outbox resume {endpoint}`"
    );
    if let Err(error) = store.pause(endpoint, reason).await {
        // The next attempt is answered 410 again and pauses it then.
        tracing::warn!(endpoint, %error, "the pause was not stored");
    }
}

/// Stores the outcome, trying for as long as the lease lasts; after that the
/// document is sent once more under the same id.
async fn settle(
    store: &Store,
    claimed: &Claimed,
    settled: Settled,
    report: AttemptReport,
    until: Instant,
) {
    let Claimed {
        lease,
        webhook_id,
        call_uuid,
        ..
    } = claimed;
    loop {
        let Err(error) = store.settle(lease.clone(), settled, report.clone()).await else {
            return;
        };
        let waited = match error.is_recoverable() {
            true => timeout_at(until, store.recovered()).await.is_ok(),
            false => false,
        };
        if !waited {
            tracing::warn!(webhook_id, call_uuid, %error,
                "the outcome of an attempt was not stored");
            return;
        }
    }
}
