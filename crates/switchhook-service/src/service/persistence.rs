//! Stores what must outlast a call: background requests, and answers kept for reports.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::call_control::{BackgroundRequest, CallPersistence, KeptAnswer};
use crate::limits;
use crate::outbox::content::content;
use switchhook_core::clock;
use switchhook_store::{DeliveryKind, NewDocument, PersistedResponse, Store};

/// Requests and answers that may wait for the store; a further one is refused.
const WAITING: usize = 1024;
/// The pause between two attempts at a store that fails.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The [`CallPersistence`] of the running service.
pub(crate) struct StorePersistence {
    store: Store,
    waiting: Arc<Semaphore>,
}

impl StorePersistence {
    /// Returns the persistence over `store`.
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }

    /// Reserves a place in the queue for the store. Without the limit, a slow store would fill
    /// the memory.
    fn reserve(&self) -> Result<OwnedSemaphorePermit, String> {
        Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| {
            limits::record_hit("store_queue");
            format!("{WAITING} requests and answers wait for the store already; see /readyz")
        })
    }
}

impl CallPersistence for StorePersistence {
    /// Tries until the store takes the request, also if the returned future is dropped: the call
    /// has gone on, and its request must be sent.
    fn send_later(&self, background: BackgroundRequest) -> BoxFuture<'static, Result<(), String>> {
        let (store, permit, id) = (self.store.clone(), self.reserve(), background.id);
        let request = NewDocument {
            kind: DeliveryKind::Request,
            webhook: background.webhook,
            flow: background.flow.unwrap_or_default(),
            account: background.account.unwrap_or_default(),
            call_uuid: background.call,
            content: content(&background.request),
        };
        let stored = tokio::spawn(async move {
            let _permit = permit?;
            put_request(&store, &id, request).await
        });
        async move { stored.await.unwrap_or_else(|error| Err(error.to_string())) }.boxed()
    }

    fn keep(&self, answer: KeptAnswer) -> BoxFuture<'static, Result<(), String>> {
        let (store, permit) = (self.store.clone(), self.reserve());
        let variables = answer
            .variables
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let response = PersistedResponse {
            call_uuid: answer.call,
            flow: answer.flow.unwrap_or_default(),
            webhook: answer.webhook,
            at_ms: clock::now_ms(),
            variables,
        };
        async move {
            let _permit = permit?;
            let stored = store.persist_response(response).await;
            stored.map_err(|error| error.to_string())
        }
        .boxed()
    }
}

/// Stores a request under the same `id` at every attempt: a store that failed may have taken it.
async fn put_request(store: &Store, id: &str, request: NewDocument) -> Result<(), String> {
    loop {
        match store.put_request(id, request.clone()).await {
            Ok(_) => return Ok(()),
            Err(fault) if fault.is_recoverable() => {
                warn!(call_uuid = request.call_uuid, %fault, "a background request waits for the store");
                sleep(RETRY_PAUSE).await;
            }
            Err(fault) => {
                error!(call_uuid = request.call_uuid, %fault, "a background request is not stored");
                return Err(fault.to_string());
            }
        }
    }
}
