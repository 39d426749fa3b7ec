//! The one HTTP client: sends a request, waits for the whole answer under one deadline,
//! and says in a sentence what went wrong.
//!
//! One request in flight costs what its connection costs; the client is shared by all
//! webhooks, and what waits is one boxed future.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use reqwest::{Proxy, Request, Response, StatusCode, redirect};
use tokio::time::{Instant, timeout};
use url::Url;

use super::compile::Webhook;
use super::egress::Egress;
use super::request::Prepared;
use super::resolve::{Guard, Names, SystemNames};
use super::tls::Secured;
use super::token::{self, Token, Tokens};
use super::trouble;
use crate::call::outcome::{Failure, Outcome, Phases, Reason};

/// How long an idle connection is kept for the next request.
const KEPT: Duration = Duration::from_secs(30);
/// Idle connections kept to one host.
const KEPT_EACH: usize = 64;
/// Headers of an answer over HTTP/1.1.
const HEADERS: usize = 100;
/// Bytes of an answer's headers over HTTP/2, 32 for each included (RFC 9113, 6.5.2).
const HEADER_BYTES: u32 = 64 * 1024;
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
    http: reqwest::Client,
    egress: Arc<Egress>,
    names: Arc<dyn Names>,
    /// Those of webhooks with TLS settings of their own.
    secured: Arc<Mutex<Vec<(Secured, reqwest::Client)>>>,
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
        let egress = Arc::new(egress);
        let http = build(&egress, &names, None)?;
        let secured = Arc::default();
        Ok(Self {
            script: None,
            http,
            egress,
            names,
            secured,
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
        self.http(webhook).map(drop)
    }

    fn http(&self, webhook: &Webhook) -> Result<reqwest::Client, ClientError> {
        let Some(wanted) = webhook.secured() else {
            return Ok(self.http.clone());
        };
        let mut secured = self.secured.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, http)) = secured.iter().find(|(known, _)| known == wanted) {
            return Ok(http.clone());
        }
        let http = build(&self.egress, &self.names, Some(wanted))?;
        secured.push((wanted.clone(), http.clone()));
        Ok(http)
    }

    /// The rule it keeps to.
    #[must_use]
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// Sends a request and waits for its outcome, at most the webhook's timeout. Dropping
    /// the future cancels the request.
    pub fn ask<'a>(
        &'a self,
        webhook: &'a Webhook,
        prepared: Prepared,
    ) -> impl Future<Output = Outcome> + Send + 'a {
        self.ask_noting(webhook, prepared, None)
    }

    /// The same, noting besides how the answer came.
    pub async fn ask_noting(
        &self,
        webhook: &Webhook,
        prepared: Prepared,
        note: Option<&mut Answered>,
    ) -> Outcome {
        if let Some(script) = &self.script {
            return script.answer(webhook, prepared).await;
        }
        if let Err(blocked) = self.egress.check_url(&prepared.url) {
            return Outcome::unsent(blocked.into());
        }
        let url = prepared.url.clone();
        let started = Instant::now();
        let mut progress = Progress::default();
        // Boxed: the caller's future holds a pointer and not the client's state.
        let exchange = Box::pin(self.exchange(webhook, prepared, &mut progress));
        let verdict = match timeout(webhook.timeout(), exchange).await {
            Ok(verdict) => verdict,
            Err(_) => {
                let has_status = progress.status.is_some();
                Err(trouble::timed_out(webhook.timeout(), &url, has_status))
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
        prepared: Prepared,
        progress: &mut Progress,
    ) -> Result<Vec<crate::call::outcome::Mapped>, Failure> {
        let started = Instant::now();
        let url = prepared.url.clone();
        let mut response = self.send(webhook, prepared).await?;
        progress.phases.headers = Some(started.elapsed());
        progress.status = Some(response.status().as_u16());
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        progress.answered.content_type = content_type.map(str::to_owned);
        let began = Instant::now();
        let read = read(&mut response, webhook.response_limit(), &url).await;
        progress.phases.body = Some(began.elapsed());
        if let (Some(failure), Err(_)) = (trouble::of_status(response.status(), &url), &read) {
            return Err(failure);
        }
        let read = read?;
        progress.answered.whole = matches!(read, Body::Whole(_));
        progress.raw = read.into_bytes();
        let Progress { answered, raw, .. } = progress;
        judge(webhook, (response.status(), &url), answered, raw)
    }

    /// With a token, when the webhook wants one; once more with a new one when it does not
    /// take the one that was there.
    async fn send(&self, webhook: &Webhook, prepared: Prepared) -> Result<Response, Failure> {
        let http = self.http(webhook).map_err(unready)?;
        let Some(tokens) = &webhook.tokens else {
            return execute(&http, prepared).await;
        };
        let fetch = || self.fetch(&http, tokens);
        let (token, was_there) = tokens.get(fetch).await?;
        if !was_there {
            return execute(&http, with(&token, prepared)).await;
        }
        let response = execute(&http, with(&token, prepared.clone())).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        tokens.forget(&token).await;
        let (token, _) = tokens.get(fetch).await?;
        execute(&http, with(&token, prepared)).await
    }

    async fn fetch(
        &self,
        http: &reqwest::Client,
        tokens: &Tokens,
    ) -> Result<(HeaderValue, Duration), Failure> {
        let url = tokens.url();
        self.egress.check_url(url)?;
        let mut response = execute(http, tokens.request()).await?;
        let body = read(&mut response, token::ANSWER, url).await?.into_bytes();
        tokens.read(response.status(), &body)
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
        self.egress.check_url(&prepared.url)?;
        let url = prepared.url.clone();
        let started = Instant::now();
        let sent = timeout(deadline, Box::pin(self.send(webhook, prepared))).await;
        let mut response = sent.map_err(|_| trouble::timed_out(deadline, &url, false))??;
        let delivery = Delivery {
            status: response.status().as_u16(),
            retry_after: retry_after(&response),
            duration: started.elapsed(),
        };
        // The status decides; what follows only serves the connection's next use.
        let left = deadline.saturating_sub(delivery.duration).min(REPLY_WAIT);
        let _ = timeout(left, Box::pin(read(&mut response, REPLY, &url))).await;
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
) -> Result<Vec<crate::call::outcome::Mapped>, Failure> {
    if let Some(failure) = trouble::of_status(status, url) {
        return Err(failure);
    }
    if !answered.whole {
        return Err(trouble::too_large(webhook.response_limit()));
    }
    webhook.answer.parse(answered.content_type.as_deref(), body)
}

fn build(
    egress: &Arc<Egress>,
    names: &Arc<dyn Names>,
    secured: Option<&Secured>,
) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .pool_idle_timeout(KEPT)
        .pool_max_idle_per_host(KEPT_EACH)
        .http1_max_headers(HEADERS)
        .http2_max_header_list_size(HEADER_BYTES)
        .dns_resolver(Guard::new(Arc::clone(egress), Arc::clone(names)))
        .no_proxy();
    if let Some(proxy) = &egress.proxy {
        let proxy = Proxy::all(proxy.clone()).map_err(|error| cannot(&error))?;
        builder = builder.proxy(proxy);
    }
    if let Some(secured) = secured {
        builder = builder.tls_backend_preconfigured(rustls::ClientConfig::clone(secured.config()));
    }
    builder.build().map_err(|error| cannot(&error))
}

async fn execute(http: &reqwest::Client, prepared: Prepared) -> Result<Response, Failure> {
    let url = prepared.url.clone();
    let sent = http.execute(request(prepared)).await;
    sent.map_err(|error| trouble::of_error(&error, &url))
}

fn with(token: &Token, mut prepared: Prepared) -> Prepared {
    let headers = &mut prepared.headers;
    headers.insert(header::AUTHORIZATION, token.header.clone());
    prepared
}

fn unready(error: ClientError) -> Failure {
    Failure::new(Reason::ConnectionFailure, error.to_string())
}

/// A refused address was never connected to.
fn is_unsent(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        Reason::BlockedAddress | Reason::InvalidRequest
    )
}

fn cannot(error: &reqwest::Error) -> ClientError {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string);
    ClientError(cause.unwrap_or_else(|| "no reason is known".into()))
}

fn request(prepared: Prepared) -> Request {
    let mut request = Request::new(prepared.method, prepared.url);
    *request.headers_mut() = prepared.headers;
    if !prepared.body.is_empty() {
        *request.body_mut() = Some(prepared.body.into());
    }
    request
}

/// What was read of a body, decompressed.
enum Body {
    Whole(Bytes),
    /// There was more than the limit; this is the part within it.
    Cut(Bytes),
}

impl Body {
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(bytes) | Self::Cut(bytes) => bytes,
        }
    }
}

async fn read(response: &mut Response, limit: usize, url: &Url) -> Result<Body, Failure> {
    let chunk = |error: reqwest::Error| trouble::of_error(&error, url);
    // Most answers are one chunk, which is kept as it is.
    let Some(first) = response.chunk().await.map_err(chunk)? else {
        return Ok(Body::Whole(Bytes::new()));
    };
    if first.len() > limit {
        return Ok(Body::Cut(first.slice(..limit)));
    }
    let Some(second) = response.chunk().await.map_err(chunk)? else {
        return Ok(Body::Whole(first));
    };
    let mut all = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(bytes) = next {
        let room = limit - all.len();
        if bytes.len() > room {
            all.extend_from_slice(&bytes[..room]);
            return Ok(Body::Cut(all.freeze()));
        }
        all.extend_from_slice(&bytes);
        next = response.chunk().await.map_err(chunk)?;
    }
    Ok(Body::Whole(all.freeze()))
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
        use crate::webhook::options::Options;
        let options = Options {
            url: "https://crm.example/".into(),
            ..Options::default()
        };
        let webhook = Webhook::compile("lookup", options).unwrap();
        let client = Client::new(Egress::default()).unwrap();
        let prepared = Prepared {
            method: http::Method::GET,
            url: "https://crm.example/".parse().unwrap(),
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
        };
        let waiting = client.ask(&webhook, prepared);
        let bytes = size_of_val(&waiting);
        assert!(bytes <= 1024, "{bytes}");
    }
}
