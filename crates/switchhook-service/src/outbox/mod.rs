//! Delivers the documents in the store to their endpoints, at least once, until a 2xx arrives.
//!
//! ```text
//! store.claim -> attempt (sign, send) -> retry::next_step -> store.settle
//!      ^ endpoint_limiter: in flight, rate, pauses    | first success: the backlog is due
//! ```
//!
//! Each endpoint has a limiter of its own, so an endpoint that is down delays no other. A limiter
//! slows attempts down and never drops one: what is not sent waits in the store.

mod attempt;
pub mod content;
mod endpoint_limiter;
mod engine;
mod housekeeping;
mod operator;
mod retry_requests;
mod taken;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use switchhook_admin::endpoint_status::EndpointStatuses;
use switchhook_core::health::Health;
use switchhook_store::{DeliveryKind, RequestContent, Retention, Store};
use switchhook_webhook::signing::Signer;

pub use taken::TakenStatuses;

pub use operator::{Replayed, RetryOptions, list, resume, retry, show};

/// Duration of the lease on a claimed document; longer than any attempt (at most 60 s).
pub(crate) const LEASE: Duration = Duration::from_secs(90);

/// How fast one endpoint (a webhook, by name) receives documents. [`Deliver`] knows its URL and its
/// credentials.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Attempts started per second.
    pub rate_per_s: f64,
    /// Attempts in flight at a time.
    pub max_in_flight: usize,
    /// Timeout of one attempt; at most 60 s.
    pub timeout: Duration,
    /// Signs each attempt, if the webhook has signing keys.
    pub signer: Option<Signer>,
    /// The statuses that count as delivered.
    pub taken: TakenStatuses,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            rate_per_s: 100.0,
            max_in_flight: 16,
            timeout: Duration::from_secs(10),
            signer: None,
            taken: TakenStatuses::default(),
        }
    }
}

/// Every endpoint by name.
pub type Endpoints = Arc<HashMap<String, Endpoint>>;

/// One attempt, ready to be sent. Every attempt of a document has the same `webhook_id` and the
/// same `content`.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The endpoint's name.
    pub endpoint: String,
    /// A document, or a request of a webhook task.
    pub kind: DeliveryKind,
    /// The document's id.
    pub webhook_id: String,
    /// The call's Unique-ID, for the log.
    pub call_uuid: String,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The body, and method, URL and headers if the document has its own.
    pub content: RequestContent,
    /// `webhook-id`, `webhook-timestamp` and, if the endpoint has signing keys,
    /// `webhook-signature`: sent in addition to `content.headers`.
    pub headers: Vec<(&'static str, String)>,
    /// The statuses that count as delivered.
    pub taken: TakenStatuses,
}

/// The receiver's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` as received.
    pub retry_after: Option<String>,
    /// What the status means, in one sentence; `None` for 2xx.
    pub failure: Option<String>,
}

/// Sends one attempt, with the endpoint's credentials and under the egress rules.
pub trait Deliver: Send + Sync + 'static {
    /// Sends `delivery` and waits for the status; the response's body is ignored.
    ///
    /// # Errors
    /// Returns one sentence for a person, without secrets, when no status arrived.
    fn deliver(&self, delivery: &Delivery) -> impl Future<Output = Result<Reply, String>> + Send;
}

/// How the outbox works; the defaults fit every installation.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    /// Longest time between two claims: documents that another process replayed are found then.
    pub poll: Duration,
    /// How long attempts may continue after shutdown began.
    pub drain: Duration,
    /// How long finished calls and documents are kept.
    pub keep: Retention,
    /// How often expired rows are removed and pauses are looked up.
    pub housekeeping: Duration,
    /// Attempts in flight at a time, over all endpoints. An endpoint with nothing in flight may
    /// start one beyond the limit.
    pub in_flight: usize,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(10),
            keep: Retention::default(),
            housekeeping: Duration::from_secs(10),
            in_flight: 64,
        }
    }
}

/// The delivery engine.
#[derive(Debug)]
pub struct Outbox<D> {
    store: Store,
    endpoints: watch::Receiver<Endpoints>,
    deliver: Arc<D>,
    options: OutboxOptions,
    health: watch::Sender<Health>,
    statuses: Arc<EndpointStatuses>,
}

impl<D: Deliver> Outbox<D> {
    /// Returns an outbox over `store`. A new value in `endpoints` takes effect at once; attempts in
    /// flight continue.
    #[must_use]
    pub fn new(
        store: Store,
        endpoints: watch::Receiver<Endpoints>,
        deliver: Arc<D>,
        options: OutboxOptions,
    ) -> Self {
        Self {
            store,
            endpoints,
            deliver,
            options,
            health: watch::Sender::new(Health::healthy()),
            statuses: Arc::default(),
        }
    }

    /// Reports unhealthy while an endpoint is paused (it answered 410 Gone) or documents wait for
    /// an endpoint that the configuration does not name. Nothing is lost then, but an operator has
    /// to act.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Returns which endpoints fail, for the operator's page.
    #[must_use]
    pub fn statuses(&self) -> Arc<EndpointStatuses> {
        Arc::clone(&self.statuses)
    }

    /// Delivers until `shutdown`. Attempts in flight then get [`OutboxOptions::drain`] to end, and
    /// the rest is released.
    pub async fn run(self, shutdown: CancellationToken) {
        engine::Engine::new(self).run(shutdown).await;
    }
}
