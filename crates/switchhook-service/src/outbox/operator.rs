//! `outbox list`, `show` and `retry`, also beside a running service, which sees a replay within a
//! second.

use std::time::Duration;

use serde::Serialize;

use switchhook_store::{DocumentDetail, DocumentRow, DocumentFilter, DocumentState, Store, StoreError};

/// What `outbox retry` selects and how it replays.
#[derive(Debug, Clone, Default)]
pub struct RetryOptions {
    /// The documents to replay. Without states and ids: dead and waiting ones.
    pub filter: DocumentFilter,
    /// Count the documents without replaying them.
    pub dry_run: bool,
    /// Documents per second from now on; `None` replays all at once. The endpoint's own rate limit
    /// applies in either case.
    pub per_second: Option<f64>,
}

/// What `outbox retry` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Documents that will be sent again, or would be in a dry run.
    pub documents: u64,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// Returns the oldest `limit` documents that match `filter`.
///
/// # Errors
/// Returns [`StoreError`] when the store cannot be read.
pub async fn list(
    store: &Store,
    filter: &DocumentFilter,
    limit: u32,
) -> Result<Vec<DocumentRow>, StoreError> {
    store.documents(filter, limit).await
}

/// Returns one document: its row, its content, its attempts.
///
/// # Errors
/// Returns [`StoreError::NoSuchDocument`], or another [`StoreError`] when the store cannot be read.
pub async fn show(store: &Store, webhook_id: &str) -> Result<DocumentDetail, StoreError> {
    store.document(webhook_id).await
}

/// Makes documents due again, with the same ids and bytes and a fresh schedule. Documents in flight
/// are left alone; a paused endpoint is resumed.
///
/// # Errors
/// Returns [`StoreError`]. An unknown id is [`StoreError::NoSuchDocument`], and nothing is changed.
pub async fn retry(store: &Store, options: &RetryOptions) -> Result<Replayed, StoreError> {
    let filter = with_default_states(options.filter.clone());
    for id in &filter.ids {
        store.document(id).await?;
    }
    let documents = if options.dry_run {
        store.count_replayable(&filter).await?
    } else {
        if let Some(endpoint) = filter.endpoint.as_deref().filter(|_| filter.ids.is_empty()) {
            // Resumes the endpoint also when it has nothing to replay.
            store.resume(endpoint).await?;
        }
        store.replay(filter, gap(options.per_second)).await?
    };
    Ok(Replayed {
        documents,
        dry_run: options.dry_run,
    })
}

/// Ends an endpoint's pause without replaying dead documents; returns whether it was paused.
///
/// # Errors
/// Returns [`StoreError`] when the store cannot be written.
pub async fn resume(store: &Store, endpoint: &str) -> Result<bool, StoreError> {
    store.resume(endpoint).await
}

fn with_default_states(mut filter: DocumentFilter) -> DocumentFilter {
    if filter.states.is_empty() && filter.ids.is_empty() {
        filter.states = vec![DocumentState::Dead, DocumentState::Waiting];
    }
    filter
}

fn gap(per_second: Option<f64>) -> Duration {
    let seconds = per_second.map_or(0.0, |rate| 1.0 / rate);
    // A rate of zero or less becomes the slowest one: one document a day.
    let day = Duration::from_secs(86_400);
    Duration::try_from_secs_f64(seconds).unwrap_or(day).min(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_becomes_a_gap_whatever_the_number() {
        assert_eq!(gap(None), Duration::ZERO);
        assert_eq!(gap(Some(20.0)), Duration::from_millis(50));
        for odd in [0.0, -1.0, f64::NAN, 1e-300] {
            assert_eq!(gap(Some(odd)), Duration::from_secs(86_400), "{odd}");
        }
    }

    #[test]
    fn what_was_delivered_is_sent_again_only_when_it_is_asked_for() {
        let states = |filter| with_default_states(filter).states;
        assert_eq!(states(DocumentFilter::default()), [DocumentState::Dead, DocumentState::Waiting]);
        let by_id = DocumentFilter {
            ids: vec!["msg_1".into()],
            ..DocumentFilter::default()
        };
        assert!(
            states(by_id).is_empty(),
            "an id selects its document in any state"
        );
    }
}
