//! Sends spans to the collector in batches. A batch is retried for a while if the collector fails;
//! meanwhile the queue fills, and spans beyond it are dropped.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use metrics::counter;
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::message::{self, SpanBatch};
use super::protobuf::Message;
use super::span::Span;
use super::{ExporterError, TraceOptions};
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_webhook::client_builder;
use switchhook_webhook::options::Auth;

/// Spans of one request.
const MAX_BATCH_SPANS: usize = 512;
/// How long a span may wait for others of its batch.
const LINGER: Duration = Duration::from_secs(1);
/// Timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Waits between attempts, and how long a batch is retried.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(10);
const RETRY_FOR: Duration = Duration::from_secs(60);
/// How long the collector may delay the end of the service.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(3);
/// Most bytes read of a response.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why the collector did not accept spans.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// It may accept them later.
    #[error("{0}")]
    Retryable(String),
    /// It will never accept them.
    #[error("{0}")]
    Permanent(String),
}

/// Sends spans to the collector.
#[derive(Debug)]
pub struct Exporter {
    http: Client,
    url: Url,
    /// The URL without its query, which may contain a token.
    display_url: String,
    auth: Auth,
    resource: Message,
    queue: mpsc::Receiver<Span>,
    pending: Vec<Span>,
    health: watch::Sender<Health>,
}

impl Exporter {
    pub(super) fn new(
        url: Url,
        options: &TraceOptions,
        queue: mpsc::Receiver<Span>,
    ) -> Result<Self, ExporterError> {
        // The operator chose the collector, not a call, so the rules of [egress] do not apply.
        let http = client_builder().map_err(|error| ExporterError(error.what))?;
        let http = http
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(REQUEST_TIMEOUT)
            .no_proxy()
            .build();
        let mut display_url = url.clone();
        display_url.set_query(None);
        Ok(Self {
            display_url: display_url.into(),
            http: http.map_err(|error| ExporterError(error.to_string()))?,
            url,
            auth: options.auth.clone(),
            resource: message::resource(&options.service_name),
            queue,
            pending: Vec::with_capacity(MAX_BATCH_SPANS),
            health: watch::Sender::new(Health::healthy()),
        })
    }

    /// Reports whether the collector accepts spans.
    #[must_use]
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Sends spans until `stop`, and then once what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut unsent = None;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                has_spans = self.gather() => if !has_spans { return },
            }
            let spans = std::mem::take(&mut self.pending);
            unsent = self.send_with_retries(self.encode(&spans), &stop).await;
        }
        self.queue.close();
        while let Some(span) = self.queue.recv().await {
            self.pending.push(span);
        }
        let last = std::mem::take(&mut self.pending);
        let count = last.len() + unsent.as_ref().map_or(0, |batch| batch.count);
        if timeout(SHUTDOWN_LIMIT, self.send_last(unsent, last))
            .await
            .is_err()
        {
            warn!(
                spans = count,
                "the collector was too slow: some of the last spans are lost"
            );
        }
    }

    /// Collects a batch; returns `false` when no more spans will come. Cancel safe.
    async fn gather(&mut self) -> bool {
        let room = MAX_BATCH_SPANS.saturating_sub(self.pending.len());
        if room > 0 && self.queue.recv_many(&mut self.pending, room).await == 0 {
            return false;
        }
        let until = Instant::now() + LINGER;
        while self.pending.len() < MAX_BATCH_SPANS {
            let room = MAX_BATCH_SPANS - self.pending.len();
            let more = timeout_at(until, self.queue.recv_many(&mut self.pending, room));
            if !matches!(more.await, Ok(count) if count > 0) {
                break;
            }
        }
        true
    }

    fn encode(&self, spans: &[Span]) -> SpanBatch {
        SpanBatch::new(spans, &self.resource)
    }

    /// Sends a batch until it is accepted or given up. Returns the batch if `stop` comes first.
    async fn send_with_retries(
        &self,
        batch: SpanBatch,
        stop: &CancellationToken,
    ) -> Option<SpanBatch> {
        let until = Instant::now() + RETRY_FOR;
        let mut wait = FIRST_WAIT;
        loop {
            let result = tokio::select! {
                () = stop.cancelled() => return Some(batch),
                result = self.send(&batch) => result,
            };
            self.update_health(result.as_ref().err());
            let may_retry =
                matches!(result, Err(ExportError::Retryable(_))) && Instant::now() + wait < until;
            if !may_retry {
                if result.is_err() {
                    count_spans("dropped", batch.count);
                }
                return None;
            }
            tokio::select! {
                () = stop.cancelled() => return Some(batch),
                () = sleep(wait) => {}
            }
            wait = (wait * 2).min(MAX_WAIT);
        }
    }

    async fn send_last(&self, unsent: Option<SpanBatch>, mut spans: Vec<Span>) {
        let mut next = unsent;
        while let Some(batch) = next.take().or_else(|| self.next_batch(&mut spans)) {
            let result = self.send(&batch).await;
            self.update_health(result.as_ref().err());
            if result.is_err() {
                return count_spans("dropped", batch.count + spans.len());
            }
        }
    }

    /// Takes the next batch from `spans`.
    fn next_batch(&self, spans: &mut Vec<Span>) -> Option<SpanBatch> {
        let rest = spans.split_off(spans.len().min(MAX_BATCH_SPANS));
        let first = std::mem::replace(spans, rest);
        (!first.is_empty()).then(|| self.encode(&first))
    }

    async fn send(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let request = self.http.post(self.url.clone());
        let request = match &self.auth {
            Auth::Basic { username, password } => {
                request.basic_auth(username, Some(password.reveal()))
            }
            Auth::Bearer(token) => request.bearer_auth(token.reveal()),
            Auth::None | Auth::OAuth2(_) => request,
        };
        let kind = HeaderValue::from_static("application/x-protobuf");
        let body = batch.body.clone();
        let result = request.header(CONTENT_TYPE, kind).body(body).send();
        let connection_error =
            |error: reqwest::Error| ExportError::Retryable(root_cause(&error.without_url()));
        let mut answer = result.await.map_err(connection_error)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(status_error(status));
        }
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_RESPONSE_BYTES {
                break;
            }
        }
        let rejected = message::rejected(&text, batch.count);
        count_spans("sent", batch.count - rejected);
        count_spans("dropped", rejected);
        Ok(())
    }

    /// Logs each change once, not each attempt.
    fn update_health(&self, error: Option<&ExportError>) {
        let (url, before) = (&self.display_url, self.health.borrow().ok);
        match error {
            None if before => {}
            None => {
                info!(%url, "the collector accepts spans again");
                self.health.send_replace(Health::healthy());
            }
            Some(error) => {
                if before {
                    warn!(%url, "the collector does not accept spans: {error}; spans beyond the queue are dropped");
                }
                self.health
                    .send_replace(Health::failing(format!("{url}: {error}")));
            }
        }
    }
}

/// Tells errors that may be retried from others:
/// <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>
fn status_error(status: StatusCode) -> ExportError {
    let what = format!("it answered {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => ExportError::Retryable(what),
        _ => ExportError::Permanent(format!("{what}; check [traces] url and auth")),
    }
}

fn count_spans(outcome: &'static str, spans: usize) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    counter!(metric_names::SPANS, "outcome" => outcome).increment(spans);
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    format!("{error}: {deepest}")
}
