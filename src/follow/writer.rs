//! From the ledger to the store, in order, many at a time.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::store::{FinishedCall, Store, StoreError, StoredLeg};

/// Jobs that wait; more, and the switch is not read.
const WAITING: usize = 1024;
/// Jobs that go to the store together.
const TOGETHER: usize = 256;
/// Between two attempts at a store that fails.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long a store that fails may hold up the end of the service.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One thing to store.
#[derive(Debug, Clone)]
pub enum Job {
    /// A leg as it stands now.
    Leg(StoredLeg),
    /// A leg that is no more.
    Forget {
        /// The switch's name.
        switch: String,
        /// Its Unique-ID.
        uuid: String,
    },
    /// A call that is over.
    Finish(FinishedCall),
}

/// The queue between ledger and store.
pub fn queue() -> (mpsc::Sender<Job>, mpsc::Receiver<Job>) {
    mpsc::channel(WAITING)
}

/// Stores what comes until the queue is closed and empty. What the store does not take
/// is offered again: nothing is passed over.
pub async fn run(store: Store, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    while queue.recv_many(&mut jobs, TOGETHER).await > 0 {
        let storing = store_all(&store, std::mem::take(&mut jobs));
        tokio::pin!(storing);
        tokio::select! {
            () = &mut storing => continue,
            () = stop.cancelled() => {}
        }
        if timeout(LAST_WORDS, &mut storing).await.is_err() {
            error!(
                "the store does not take the last legs; after a restart the switch is asked for its channels"
            );
            return;
        }
    }
}

/// The store's writer takes what comes at once into one transaction, in this order.
async fn store_all(store: &Store, mut jobs: Vec<Job>) {
    let mut failing = false;
    while !jobs.is_empty() {
        let results = join_all(jobs.iter().map(|job| put(store, job.clone()))).await;
        let first = results.iter().position(Result::is_err);
        if let Some(Err(fault)) = first.map(|at| &results[at]) {
            if !failing {
                error!(%fault, "the store does not take legs; offering them until it does");
            }
            failing = true;
            // From the first that failed on: all of these may be stored twice.
            jobs.drain(..first.unwrap_or_default());
            sleep(AGAIN_AFTER).await;
        } else {
            jobs.clear();
        }
    }
    if failing {
        info!("the store takes legs again");
    }
}

async fn put(store: &Store, job: Job) -> Result<(), StoreError> {
    match job {
        Job::Leg(leg) => store.put_leg(leg).await,
        Job::Forget { switch, uuid } => store.remove_legs(&switch, vec![uuid]).await,
        Job::Finish(call) => store.finish_call(call).await.map(drop),
    }
}
