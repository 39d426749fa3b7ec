//! The one HTTP client: sends a request, waits for the whole answer under one deadline,
//! and says in a sentence what went wrong.
//!
//! One request in flight costs what its connection costs; the client is shared by all
//! webhooks, and what waits is one boxed future.

mod body;
mod client_factory;
mod connecting;
mod connections;
mod h2_pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout};
use url::Url;

use super::compile::Webhook;
use super::egress::Egress;
use super::error::{self, Reached};
use super::request::Prepared;
use super::resolve::{Names, SystemNames};
use body::{Body, read};
pub(super) use connecting::Connection;
use connecting::Watch;
use connections::Connections;
use switchhook_core::outcome::{Failure, Outcome, Phases, Reason};

/// Bytes read of a reply to a delivery: enough to use its connection again.
const REPLY: usize = 4 * 1024;
/// How long that may take.
const REPLY_WAIT: Duration = Duration::from_secs(1);

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot start: {0}; look at the system's certificates and [egress] proxy")]
pub struct ClientError(String);

/// Asks webhooks. Cheap to clone; all clones share connections.
#[derive(Clone)]
pub struct Client {
    /// Answers in place of the network.
    script: Option<Arc<dyn Script>>,
    connections: Arc<Connections>,
}

/// How a delivery was answered, whatever the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` as it came.
    pub retry_after: Option<String>,
    /// From sending to the status.
    pub duration: Duration,
}

/// How an answer came, besides its status and body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// The content type that it says it has.
    pub content_type: Option<String>,
    /// It was read to its end, within the limit.
    pub whole: bool,
}

/// Answers without a network: for a call that is played again.
pub trait Script: Send + Sync {
    /// The outcome of a request, when its time has come.
    fn answer<'a>(
        &'a self,
        webhook: &'a Webhook,
        request: Prepared,
    ) -> futures_util::future::BoxFuture<'a, Outcome>;
}

/// What is known of an exchange that may be cut off at any moment.
#[derive(Default)]
struct Progress {
    answered: Answered,
    status: Option<u16>,
    phases: Phases,
    raw: Bytes,
}

impl Client {
    /// A client that goes where `egress` allows.
    ///
    /// # Errors
    /// When the system's certificates cannot be read or the proxy's URL is of no use.
    pub fn new(egress: Egress) -> Result<Self, ClientError> {
        Self::with_names(egress, Arc::new(SystemNames))
    }

    /// The same, with names looked up elsewhere.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_names(egress: Egress, names: Arc<dyn Names>) -> Result<Self, ClientError> {
        Ok(Self {
            script: None,
            connections: Arc::new(Connections::new(egress, names)?),
        })
    }

    /// One that asks nobody: `script` has the answers.
    #[must_use]
    pub fn scripted(self, script: Arc<dyn Script>) -> Self {
        Self {
            script: Some(script),
            ..self
        }
    }

    /// Makes ready what this webhook is asked with, so that its first call need not.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn prepare_for(&self, webhook: &Webhook) -> Result<(), ClientError> {
        self.connections.prepare_for(webhook)
    }

    /// The rule it keeps to.
    #[must_use]
    pub fn egress(&self) -> &Egress {
        self.connections.egress()
    }

    /// Sends a request and waits for its outcome, at most the webhook's timeout. Dropping
    /// the future cancels the request.
    pub fn ask<'a>(
        &'a self,
        webhook: &'a Webhook,
        prepared: impl Into<Box<Prepared>>,
    ) -> impl Future<Output = Outcome> + Send {
        self.ask_noting(webhook, prepared.into(), None)
    }

    /// The same, noting besides how the answer came.
    ///
    /// The request is boxed, for every future on the way to the network has room for what it
    /// is given, twice.
    pub async fn ask_noting(
        &self,
        webhook: &Webhook,
        prepared: Box<Prepared>,
        note: Option<&mut Answered>,
    ) -> Outcome {
        if let Some(script) = &self.script {
            return script.answer(webhook, *prepared).await;
        }
        if let Err(blocked) = self.connections.egress().check_url(&prepared.url) {
            return Outcome::unsent(blocked.into());
        }
        let url = prepared.url.clone();
        let started = Instant::now();
        let (mut progress, watch) = (Progress::default(), Watch::default());
        // Boxed: the caller's future holds a pointer and not the client's state.
        let exchange = self.exchange(webhook, (prepared, &url), &mut progress);
        let exchange = Box::pin(watch.over(exchange));
        let verdict = match timeout(webhook.timeout(), exchange).await {
            Ok(verdict) => verdict,
            Err(_) => {
                let reached = match progress.status {
                    Some(_) => Reached::Status,
                    None => Reached::Connection(watch.seen()),
                };
                Err(error::timed_out(webhook.timeout(), &url, reached))
            }
        };
        if let Some(note) = note {
            *note = progress.answered;
        }
        let was_sent = !matches!(&verdict, Err(failure) if is_unsent(failure));
        Outcome {
            verdict,
            status: progress.status,
            duration: was_sent.then(|| started.elapsed()),
            raw: progress.raw,
            phases: progress.phases,
        }
    }

    async fn exchange(
        &self,
        webhook: &Webhook,
        (prepared, url): (Box<Prepared>, &Url),
        progress: &mut Progress,
    ) -> Result<Vec<switchhook_core::outcome::Mapped>, Failure> {
        let started = Instant::now();
        let mut reply = self.connections.send(webhook, prepared, url).await?;
        let response = &mut reply.response;
        progress.phases.headers = Some(started.elapsed());
        progress.status = Some(response.status().as_u16());
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        progress.answered.content_type = content_type.map(str::to_owned);
        let began = Instant::now();
        let read = read(response, webhook.response_limit(), url).await;
        progress.phases.body = Some(began.elapsed());
        if let (Some(failure), Err(_)) = (error::of_status(response.status(), url), &read) {
            return Err(failure);
        }
        let read = read?;
        progress.answered.whole = matches!(read, Body::Whole(_));
        progress.raw = read.into_bytes();
        let Progress { answered, raw, .. } = progress;
        judge(webhook, (response.status(), url), answered, raw)
    }

    /// Sends a request whose reply's body nobody reads, as the delivery of a document.
    ///
    /// # Errors
    /// When no status came back within `deadline`: the address is refused, the connection
    /// failed, or time ran out. A status, whatever it is, is no error here.
    pub async fn deliver(
        &self,
        webhook: &Webhook,
        prepared: Prepared,
        deadline: Duration,
    ) -> Result<Delivery, Failure> {
        self.connections.egress().check_url(&prepared.url)?;
        let url = prepared.url.clone();
        let started = Instant::now();
        let watch = Watch::default();
        let sending = self.connections.send(webhook, prepared.into(), &url);
        let sent = timeout(deadline, Box::pin(watch.over(sending))).await;
        let late = |_| error::timed_out(deadline, &url, Reached::Connection(watch.seen()));
        let mut reply = sent.map_err(late)??;
        let delivery = Delivery {
            status: reply.response.status().as_u16(),
            retry_after: retry_after(&reply.response),
            duration: started.elapsed(),
        };
        // The status decides; what follows only serves the connection's next use.
        let left = deadline.saturating_sub(delivery.duration).min(REPLY_WAIT);
        let _ = timeout(left, Box::pin(read(&mut reply.response, REPLY, &url))).await;
        Ok(delivery)
    }
}

/// What an answer that was read says.
///
/// # Errors
/// What is wrong with its status, size, content or values.
pub fn judge(
    webhook: &Webhook,
    (status, url): (StatusCode, &Url),
    answered: &Answered,
    body: &[u8],
) -> Result<Vec<switchhook_core::outcome::Mapped>, Failure> {
    if let Some(failure) = error::of_status(status, url) {
        return Err(failure);
    }
    if !answered.whole {
        return Err(error::too_large(webhook.response_limit()));
    }
    webhook.answer.parse(answered.content_type.as_deref(), body)
}

/// A refused address was never connected to.
fn is_unsent(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        Reason::BlockedAddress | Reason::InvalidRequest
    )
}

fn retry_after(response: &Response) -> Option<String> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
        };
        let waiting = client.ask(&webhook, prepared.clone());
        let bytes = size_of_val(&waiting);
        assert!(bytes <= 512, "{bytes}");
        let (url, mut progress) = (prepared.url.clone(), Progress::default());
        let exchange = client.exchange(&webhook, (prepared.into(), &url), &mut progress);
        let bytes = size_of_val(&exchange);
        assert!(bytes <= 512, "{bytes}");
    }
}
