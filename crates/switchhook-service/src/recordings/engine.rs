//! The loop: takes the calls whose recordings are to be looked at, a task each.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use super::DocumentMaker;
use super::publish_call::StoreContext;
use switchhook_core::health::Health;
use switchhook_store::{Store, StoreError};

/// How long a claimed call is ours; prolonged while it is seen to.
pub(super) const LEASE: Duration = Duration::from_secs(90);
/// Calls that are seen to at once.
const AT_ONCE: usize = 64;
/// Between two looks at the store.
const POLL: Duration = Duration::from_millis(500);
/// The same where nothing waits but what an earlier configuration left.
const SELDOM: Duration = Duration::from_secs(10);

/// Sees to the recordings of calls that are over.
#[derive(Debug)]
pub struct Engine {
    desk: StoreContext,
    running: JoinSet<()>,
}

impl Engine {
    /// Over `store`; `making` knows what waits.
    #[must_use]
    pub fn new(store: Store, making: Arc<dyn DocumentMaker>) -> Self {
        Self {
            desk: StoreContext {
                store,
                making,
                health: watch::Sender::new(Health::well()),
            },
            running: JoinSet::new(),
        }
    }

    /// Not well while the place that recordings go to does not take them.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.desk.health.subscribe()
    }

    /// Sees to them until `stop`; then gives back what it has.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.begin(&stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(StoreError::Closed) => break,
                // The store says what is wrong with it.
                Err(error) => debug!(%error, "calls that wait for recordings cannot be read"),
            }
            let poll = match self.desk.making.publisher() {
                Some(_) => POLL,
                None => SELDOM,
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(poll) => {}
            }
        }
        while let Some(ended) = self.running.join_next().await {
            tell(ended);
        }
    }

    /// Begins what there is room for; whether there may be more.
    async fn begin(&mut self, stop: &CancellationToken) -> Result<bool, StoreError> {
        while let Some(ended) = self.running.try_join_next() {
            tell(ended);
        }
        let room = AT_ONCE.saturating_sub(self.running.len());
        // Reading costs no commit.
        if room == 0 || self.desk.store.unpublished().await? == 0 {
            return Ok(false);
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let claimed = self.desk.store.claim_unpublished(limit, LEASE).await?;
        let is_full = claimed.len() == room;
        for call in claimed {
            let (desk, stop) = (self.desk.clone(), stop.clone());
            self.running
                .spawn(async move { desk.see_to(call, &stop).await });
        }
        Ok(is_full)
    }
}

fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The lease ends by itself, then it is tried again.
        error!(%error, "seeing to a call's recordings broke off");
    }
}
