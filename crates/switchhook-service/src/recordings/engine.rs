//! The publishing loop: claims calls whose recordings wait, and runs a task for each.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::DocumentMaker;
use super::publish_call::{LEASE, StoreContext};
use switchhook_core::health::Health;
use switchhook_store::{Store, StoreError};

/// Calls that are processed at a time.
const MAX_CALLS: usize = 64;
/// Time between two polls of the store.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// Time between two polls while nothing is published any more: only calls of an earlier
/// configuration may wait.
const POLL_IDLE_EVERY: Duration = Duration::from_secs(10);

/// Publishes the recordings of finished calls.
#[derive(Debug)]
pub struct PublishEngine {
    context: StoreContext,
    running: JoinSet<()>,
}

impl PublishEngine {
    /// Returns an engine over `store`; `documents` knows the waiting calls' content.
    #[must_use]
    pub fn new(store: Store, documents: Arc<dyn DocumentMaker>) -> Self {
        Self {
            context: StoreContext {
                store,
                documents,
                health: watch::Sender::new(Health::well()),
            },
            running: JoinSet::new(),
        }
    }

    /// Reports unhealthy while the target of uploads fails.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.context.health.subscribe()
    }

    /// Publishes until `stop`, then releases the calls it has claimed.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.start_calls(&stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(StoreError::Closed) => break,
                // The store reports its errors itself.
                Err(error) => debug!(%error, "calls that wait for recordings cannot be read"),
            }
            let poll = match self.context.documents.publisher() {
                Some(_) => POLL_EVERY,
                None => POLL_IDLE_EVERY,
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(poll) => {}
            }
        }
        while let Some(ended) = self.running.join_next().await {
            log_failed_task(ended);
        }
    }

    /// Starts as many calls as there is room for; returns whether more may be waiting.
    async fn start_calls(&mut self, stop: &CancellationToken) -> Result<bool, StoreError> {
        while let Some(ended) = self.running.try_join_next() {
            log_failed_task(ended);
        }
        let room = MAX_CALLS.saturating_sub(self.running.len());
        // A read costs no commit, a claim does.
        if room == 0 || self.context.store.unpublished().await? == 0 {
            return Ok(false);
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let claimed = self.context.store.claim_unpublished(limit, LEASE).await?;
        let is_full = claimed.len() == room;
        for call in claimed {
            let (context, stop) = (self.context.clone(), stop.clone());
            self.running
                .spawn(async move { context.publish_call(call, &stop).await });
        }
        Ok(is_full)
    }
}

fn log_failed_task(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The lease expires, and then the call is processed again.
        error!(%error, "publishing a call's recordings failed; its lease expires and it is retried");
    }
}
