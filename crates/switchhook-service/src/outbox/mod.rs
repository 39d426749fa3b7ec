//! Deliveries: what the store holds is sent to its endpoint until a 2xx comes
//! back, at least once, whatever happens in between.
//!
//! ```text
//! store.claim -> attempt (sign, send) -> retry::next -> store.settle
//!      ^ lane: in flight, rate, breaker          | first success: the backlog is due
//! ```
//!
//! An endpoint has a lane of its own, so one that is down holds up no other. A
//! lane slows down, it never drops: what is not sent waits in the store.

mod attempt;
pub mod content;
mod endpoint_limiter;
mod engine;
mod operator;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use switchhook_core::health::Health;
use switchhook_store::{Content, DeliveryKind, Keep, Store};
use switchhook_webhook::signing::Signer;

pub use operator::{Replayed, RetryOptions, list, resume, retry, show};

/// How long a claimed document is ours. Longer than any attempt (at most 60 s).
pub(crate) const LEASE: Duration = Duration::from_secs(90);

/// How one endpoint (a webhook, by its name) is sent to. Its URL and its
/// authentication are the business of [`Deliver`].
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Attempts begun in any one second.
    pub rate_per_s: f64,
    /// Attempts at a time.
    pub max_in_flight: usize,
    /// One attempt's time; at most 60 s.
    pub timeout: Duration,
    /// Signs what is sent, when the webhook has secrets.
    pub signer: Option<Signer>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            rate_per_s: 100.0,
            max_in_flight: 16,
            timeout: Duration::from_secs(10),
            signer: None,
        }
    }
}

/// Every endpoint, by name.
pub type Endpoints = Arc<HashMap<String, Endpoint>>;

/// One attempt, ready to be sent. Of a document, every attempt has the same
/// `webhook_id` and the same `content`.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where it goes.
    pub endpoint: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// The document's id.
    pub webhook_id: String,
    /// The call, for the log.
    pub call_uuid: String,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// Method, URL and headers of its own, where it has them, and the body.
    pub content: Content,
    /// `webhook-id`, `webhook-timestamp` and, of an endpoint with secrets,
    /// `webhook-signature`: sent besides `content.headers`.
    pub headers: Vec<(&'static str, String)>,
}

/// What the receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` as it came.
    pub retry_after: Option<String>,
}

/// Sends one attempt. Adds authentication; follows the endpoint's egress rules.
pub trait Deliver: Send + Sync + 'static {
    /// Sends `delivery` and waits for the status; the reply's body is not wanted.
    ///
    /// # Errors
    /// One sentence for a person, with no secret in it, when no status came.
    fn deliver(&self, delivery: &Delivery) -> impl Future<Output = Result<Reply, String>> + Send;
}

/// How the outbox works; the defaults are the ones to use.
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    /// The longest time between two looks at the store: what another process
    /// replayed is seen then.
    pub poll: Duration,
    /// How long attempts may go on after shutdown began.
    pub drain: Duration,
    /// How long what is over is kept.
    pub keep: Keep,
    /// How often what is kept no longer is removed and pauses are looked up.
    pub housekeeping: Duration,
    /// Attempts at a time, over all endpoints; an endpoint with none under way may begin one
    /// above it.
    pub in_flight: usize,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(10),
            keep: Keep::default(),
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
}

impl<D: Deliver> Outbox<D> {
    /// An outbox over `store`; a new value in `endpoints` takes effect at once,
    /// without touching attempts under way.
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
            health: watch::Sender::new(Health::well()),
        }
    }

    /// Not well while an endpoint is paused (it answered 410 Gone) or documents
    /// wait for an endpoint that the configuration does not name. Nothing is
    /// lost then, but somebody has to act.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Delivers until `shutdown`, then lets attempts under way end, for
    /// [`OutboxOptions::drain`] at most, and gives back the rest.
    pub async fn run(self, shutdown: CancellationToken) {
        engine::Engine::new(self).run(shutdown).await;
    }
}
