//! Removes expired rows, and reports what an operator has to act on.

use std::collections::BTreeSet;

use metrics::gauge;
use tokio::sync::watch;

use super::attempt::EXPIRED;
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_store::{Retention, Store, StoreError, is_event_lane};

/// Updates `health` with paused and unknown endpoints, then removes what `keep` no longer keeps.
///
/// # Errors
/// Returns [`StoreError`] when the store cannot be read or written.
pub(super) async fn housekeeping(
    store: &Store,
    known: &BTreeSet<String>,
    health: &watch::Sender<Health>,
    keep: Retention,
) -> Result<(), StoreError> {
    let problems = problems(store, known).await?;
    let found = if problems.is_empty() {
        Health::healthy()
    } else {
        Health::failing(problems.join(". "))
    };
    health.send_if_modified(|health| {
        let changed = *health != found;
        if changed && !found.ok {
            tracing::error!("{}", found.what);
        }
        *health = found;
        changed
    });
    for endpoint in store.expire_events().await? {
        metrics::counter!(metric_names::DELIVERIES, "endpoint" => endpoint, "outcome" => EXPIRED)
            .increment(1);
    }
    store.prune(keep).await.map(drop)
}

async fn problems(store: &Store, known: &BTreeSet<String>) -> Result<Vec<String>, StoreError> {
    let mut problems: Vec<String> = Vec::new();
    let pauses = store.pauses().await?;
    for endpoint in known {
        let paused = pauses.iter().any(|(paused, _)| paused == endpoint);
        let value = if paused { 1.0 } else { 0.0 };
        gauge!(metric_names::ENDPOINT_PAUSED, "endpoint" => endpoint.clone()).set(value);
    }
    for (endpoint, reason) in pauses {
        problems.push(format!(
            "endpoint {endpoint} is paused: {reason}; when it is back: `switchhook outbox resume {endpoint}`"
        ));
    }
    for backlog in store.backlogs().await? {
        // Events that no flow sends any more expire soon.
        let expires = is_event_lane(&backlog.endpoint);
        if backlog.waiting > 0 && !expires && !known.contains(&backlog.endpoint) {
            let (waiting, endpoint) = (backlog.waiting, backlog.endpoint);
            problems.push(format!(
                "{waiting} documents wait for [webhooks.{endpoint}], which is not in the configuration; add it again"
            ));
        }
    }
    Ok(problems)
}
