//! The HTTP client of all webhooks: sends a request, waits for the whole response under one
//! deadline, and turns faults into sentences.
//!
//! A waiting request costs one boxed future and its share of a connection.

mod body;
mod certificate_request;
mod client_factory;
mod connections;
mod content_coding;
mod h2_pool;
mod host_hints;
mod pools;
mod proxy_layer;
mod receive;
mod response_headers;
mod tries;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::breakers::Breakers;
use super::compile::Webhook;
use super::connection_watch::{ConnectionState, ConnectionWatch};
use super::egress::Egress;
use super::error::{self, RequestStage};
use super::idempotency_key;
use super::prepared::Prepared;
use super::resolve::{NameLookup, SystemLookup};
use super::token::TokenRefusal;
use connections::{Connections, NoAnswer};
pub use content_coding::decode_content;
use receive::{Progress, receive};
pub use receive::{ResponseMeta, evaluate_response};
use response_headers::retry_after;
use switchhook_core::outcome::{Failure, Outcome, Reason};

/// Longest time to read the body of a delivery's response.
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// The HTTP client cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot start: {0}; check the system's certificates and [egress] proxy")]
pub struct ClientError(String);

/// Sends requests to webhooks. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    /// Supplies outcomes in place of the network.
    outcome_source: Option<Arc<dyn OutcomeSource>>,
    connections: Arc<Connections>,
}

/// The response to a delivery, of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header as received.
    pub retry_after: Option<String>,
    /// The failure that the status is; `None` for 2xx.
    pub failure: Option<Failure>,
    /// From sending to the status.
    pub duration: Duration,
}

/// What a request needs besides itself.
#[derive(Default)]
pub struct SendContext<'a> {
    /// The circuit breakers of webhooks with several tries. Without them, every URL is asked.
    pub breakers: Option<&'a Breakers>,
    /// Gets properties of the response.
    pub note: Option<&'a mut ResponseMeta>,
}

/// Supplies outcomes without a network, to replay recorded calls.
pub trait OutcomeSource: Send + Sync {
    /// Returns the outcome of a request at the recorded time.
    fn answer<'a>(
        &'a self,
        webhook: &'a Webhook,
        request: Prepared,
    ) -> futures_util::future::BoxFuture<'a, Outcome>;
}

/// How one exchange ended.
struct Exchanged {
    outcome: Outcome,
    meta: ResponseMeta,
    retry_after: Option<String>,
    /// What the token endpoint answered, if there was no token.
    token: Option<Box<TokenRefusal>>,
}

impl Exchanged {
    fn unsent(failure: Failure) -> Self {
        Self {
            outcome: Outcome::unsent(failure),
            meta: ResponseMeta::default(),
            retry_after: None,
            token: None,
        }
    }
}

impl Client {
    /// Creates a client that follows the `egress` rule.
    ///
    /// # Errors
    /// If the system's certificates cannot be read or the proxy's URL is not usable.
    pub fn new(egress: Egress) -> Result<Self, ClientError> {
        Self::with_names(egress, Arc::new(SystemLookup))
    }

    /// Creates a client that resolves names with `names`.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_names(egress: Egress, names: Arc<dyn NameLookup>) -> Result<Self, ClientError> {
        Ok(Self {
            outcome_source: None,
            connections: Arc::new(Connections::new(egress, names)?),
        })
    }

    /// Returns a client that takes outcomes from `outcome_source` and sends nothing.
    #[must_use]
    pub fn with_outcome_source(self, outcome_source: Arc<dyn OutcomeSource>) -> Self {
        Self {
            outcome_source: Some(outcome_source),
            ..self
        }
    }

    /// Builds the connections' settings for a webhook ahead of its first call.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn prepare_for(&self, webhook: &Webhook) -> Result<(), ClientError> {
        self.connections.prepare_for(webhook)
    }

    /// Returns the egress rule.
    #[must_use]
    pub fn egress(&self) -> &Egress {
        self.connections.egress()
    }

    /// Sends a request and waits for its outcome, at most for the webhook's timeout. Dropping the
    /// future cancels the request.
    pub fn send<'a>(
        &'a self,
        webhook: &'a Webhook,
        prepared: impl Into<Box<Prepared>>,
    ) -> impl Future<Output = Outcome> + Send {
        self.send_with(webhook, prepared.into(), SendContext::default())
    }

    /// Sends a request like [`Client::send`]. A webhook with one try does not use the breakers of
    /// `context`: its caller does.
    ///
    /// The request is boxed: every future on the way to the network has room for its arguments,
    /// twice.
    pub async fn send_with(
        &self,
        webhook: &Webhook,
        prepared: Box<Prepared>,
        context: SendContext<'_>,
    ) -> Outcome {
        if let Some(outcome_source) = &self.outcome_source {
            return outcome_source.answer(webhook, *prepared).await;
        }
        let mut prepared = prepared;
        idempotency_key::add(&mut prepared.headers);
        if !webhook.is_tried_once() {
            // Boxed, so that a webhook with one try has no room for it.
            return Box::pin(tries::send(self, webhook, prepared, context)).await;
        }
        let limit = webhook.timeout();
        let exchanged = self.exchange_within(webhook, &mut prepared, limit).await;
        if let Some(note) = context.note {
            *note = exchanged.meta;
        }
        exchanged.outcome
    }

    /// Sends a request to its URL once and waits for the outcome, at most for `limit`.
    async fn exchange_within(
        &self,
        webhook: &Webhook,
        prepared: &mut Prepared,
        limit: Duration,
    ) -> Exchanged {
        if let Err(blocked) = self.connections.egress().check_url(&prepared.url) {
            return Exchanged::unsent(blocked.into());
        }
        let started = Instant::now();
        let until = started + limit;
        let (mut progress, watch) = (None, ConnectionWatch::new(until));
        // Boxed, so that the caller's future holds only a pointer to the client's state.
        let exchange = self.exchange(webhook, (prepared, until), &mut progress);
        let exchange = Box::pin(watch.watch(exchange));
        let (verdict, token) = match timeout_at(until, exchange).await {
            Ok(Ok(mapped)) => (Ok(mapped), None),
            Ok(Err(NoAnswer { failure, token })) => (Err(failure), token),
            Err(_) => {
                let stage = match &progress {
                    Some(_) => RequestStage::Status,
                    None => RequestStage::NoStatus(watch.state()),
                };
                let late = error::timed_out(limit, &prepared.url, stage);
                let late = proxy_layer::named_in(self.egress(), late);
                (Err(late), None)
            }
        };
        let mut progress: Progress = progress.map(|reached| *reached).unwrap_or_default();
        progress.phases.connected = match watch.state() {
            ConnectionState::Unknown => None,
            ConnectionState::Resolving | ConnectionState::Connecting => Some(false),
            ConnectionState::Connected => Some(true),
        };
        let was_sent = !matches!(&verdict, Err(failure) if is_unsent(failure));
        Exchanged {
            outcome: Outcome {
                verdict,
                status: progress.status,
                duration: was_sent.then(|| started.elapsed()),
                raw: progress.raw,
                phases: progress.phases,
                tries: Vec::new(),
            },
            meta: progress.meta,
            retry_after: progress.retry_after,
            token,
        }
    }

    async fn exchange(
        &self,
        webhook: &Webhook,
        (prepared, until): (&mut Prepared, Instant),
        progress: &mut Option<Box<Progress>>,
    ) -> Result<Vec<switchhook_core::outcome::Mapped>, NoAnswer> {
        let started = Instant::now();
        let reply = self.connections.send(webhook, prepared, until).await?;
        if let Some(failure) = proxy_layer::answered(self.egress(), &prepared.url, &reply.response)
        {
            return Err(failure.into());
        }
        // Boxed, like the progress: a request that waits for its status has no room for them.
        let received = receive(webhook, (reply, &prepared.url), started, progress);
        Ok(Box::pin(received).await?)
    }

    /// Delivers a document: sends a request and reads only the status of the response. Records its
    /// outcome with the circuit `breakers`, if they are given.
    ///
    /// # Errors
    /// If no status arrived within `deadline`: the circuit is open, the address is refused, the
    /// connection failed, or time ran out. Any status is a success here.
    pub async fn deliver(
        &self,
        webhook: &Webhook,
        prepared: Prepared,
        deadline: Duration,
        breakers: Option<&Breakers>,
    ) -> Result<Delivery, Failure> {
        let mut prepared = prepared;
        idempotency_key::add(&mut prepared.headers);
        tries::deliver(self, webhook, prepared, (deadline, breakers)).await
    }

    /// Delivers to its URL once.
    async fn deliver_within(
        &self,
        webhook: &Webhook,
        prepared: &mut Prepared,
        deadline: Duration,
    ) -> Result<Delivery, NoAnswer> {
        let allowed = self.connections.egress().check_url(&prepared.url);
        allowed.map_err(Failure::from)?;
        let started = Instant::now();
        let until = started + deadline;
        let watch = ConnectionWatch::new(until);
        let sending = self.connections.send(webhook, prepared, until);
        let sent = timeout_at(until, Box::pin(watch.watch(sending))).await;
        let url = &prepared.url;
        let late = |_| {
            let late = error::timed_out(deadline, url, RequestStage::NoStatus(watch.state()));
            proxy_layer::named_in(self.egress(), late)
        };
        let mut reply = sent.map_err(late)??;
        if let Some(failure) = proxy_layer::answered(self.egress(), url, &reply.response) {
            return Err(failure.into());
        }
        let mut delivery = Delivery {
            status: reply.response.status().as_u16(),
            retry_after: retry_after(&reply.response),
            failure: None,
            duration: started.elapsed(),
        };
        let left = deadline.saturating_sub(delivery.duration).min(DISCARD_TIME);
        let refused = receive::refusal(webhook, (&mut reply.response, url), left);
        delivery.failure = Box::pin(refused).await;
        Ok(delivery)
    }
}

/// Returns whether the request failed before any connection.
fn is_unsent(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        Reason::BlockedAddress | Reason::InvalidRequest
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// The future that its caller holds.
    const WAITING_BYTES: usize = 320;
    /// The future behind it, until a status arrives.
    const EXCHANGE_BYTES: usize = 272;

    #[tokio::test]
    async fn what_waits_for_an_answer_is_small() {
        use crate::options::WebhookOptions;
        let options = WebhookOptions {
            url: "https://crm.example/".into(),
            ..WebhookOptions::default()
        };
        let webhook = Webhook::compile("lookup", options).unwrap();
        let client = Client::new(Egress::default()).unwrap();
        let prepared = Prepared {
            method: http::Method::GET,
            url: "https://crm.example/".parse().unwrap(),
            fallback_urls: Vec::new(),
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
        };
        let waiting = client.send(&webhook, prepared.clone());
        let bytes = size_of_val(&waiting);
        assert!(bytes <= WAITING_BYTES, "{bytes}");
        let (mut prepared, mut progress) = (prepared, None);
        let until = Instant::now() + webhook.timeout();
        let exchange = client.exchange(&webhook, (&mut prepared, until), &mut progress);
        let bytes = size_of_val(&exchange);
        assert!(bytes <= EXCHANGE_BYTES, "{bytes}");
    }
}
