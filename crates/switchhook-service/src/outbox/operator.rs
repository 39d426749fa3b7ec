//! `outbox list`, `show` and `retry`, beside a service that may be running: it
//! sees what was replayed within a second.

use std::time::Duration;

use serde::Serialize;

use switchhook_store::{
    DocumentDetail, DocumentFilter, DocumentRow, DocumentState, Store, StoreError,
};

/// What `outbox retry` does.
#[derive(Debug, Clone, Default)]
pub struct RetryOptions {
    /// Which documents. Without states and ids: the dead and the waiting ones.
    pub filter: DocumentFilter,
    /// Only say how many.
    pub dry_run: bool,
    /// So many a second, from now on; all at once without. The endpoint's own
    /// rate cap holds in either case.
    pub per_second: Option<f64>,
}

/// What `outbox retry` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Documents that will be sent again (would be, of a dry run).
    pub documents: u64,
    /// Nothing was changed.
    pub dry_run: bool,
}

/// The oldest `limit` documents that fit.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    store: &Store,
    filter: &DocumentFilter,
    limit: u32,
) -> Result<Vec<DocumentRow>, StoreError> {
    store.documents(filter, limit).await
}

/// One document: its row, its content, its history.
///
/// # Errors
/// [`StoreError::NoSuchDocument`], or another [`StoreError`].
pub async fn show(store: &Store, webhook_id: &str) -> Result<DocumentDetail, StoreError> {
    store.document(webhook_id).await
}

/// Sends documents again: same id, same bytes, a fresh schedule. Those being
/// tried right now are left alone; a paused endpoint is resumed.
///
/// # Errors
/// [`StoreError`]; an id that is not there is [`StoreError::NoSuchDocument`] and
/// nothing is changed.
pub async fn retry(store: &Store, options: &RetryOptions) -> Result<Replayed, StoreError> {
    let filter = with_default_states(options.filter.clone());
    for id in &filter.ids {
        store.document(id).await?;
    }
    let documents = match options.dry_run {
        true => store.count_replayable(&filter).await?,
        false => {
            if let Some(endpoint) = filter.endpoint.as_deref().filter(|_| filter.ids.is_empty()) {
                // Also when it has nothing to replay now.
                store.resume(endpoint).await?;
            }
            store.replay(filter, gap(options.per_second)).await?
        }
    };
    Ok(Replayed {
        documents,
        dry_run: options.dry_run,
    })
}

/// Ends an endpoint's pause without replaying what is dead; whether it was paused.
///
/// # Errors
/// [`StoreError`].
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
    // A rate of nothing, or less, is the slowest there is: one a day.
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
        assert_eq!(
            states(DocumentFilter::default()),
            [DocumentState::Dead, DocumentState::Waiting]
        );
        let by_id = DocumentFilter {
            ids: vec!["msg_1".into()],
            ..DocumentFilter::default()
        };
        assert!(
            states(by_id).is_empty(),
            "an id is meant whatever its state"
        );
    }
}
