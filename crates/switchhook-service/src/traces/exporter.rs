//! Sends spans to the collector, many at a time. One that does not take them is asked again for
//! a while; meanwhile the queue fills, and what it has no room for is dropped.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use metrics::counter;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::message::{self, Bundle};
use super::{CannotStart, TraceOptions};
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_webhook::client_builder;
use switchhook_webhook::options::Auth;

/// Spans of one request.
const TOGETHER: usize = 512;
/// How long spans may wait for others to go with.
const LINGER: Duration = Duration::from_secs(1);
/// One request's time.
const DEADLINE: Duration = Duration::from_secs(10);
/// Waits between attempts, and how long the same spans are offered.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a collector may hold up the end of the service.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Bytes read of an answer.
const ANSWER: usize = 64 * 1024;

/// Why spans were not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// They may be, later.
    #[error("{0}")]
    Now(String),
    /// These never will.
    #[error("{0}")]
    Ever(String),
}

/// Who sends the spans.
#[derive(Debug)]
pub struct Exporter {
    http: Client,
    url: Url,
    /// The same without its query, in which a token may stand.
    shown: String,
    auth: Auth,
    resource: Resource,
    waiting: mpsc::Receiver<Span>,
    batch: Vec<Span>,
    health: watch::Sender<Health>,
}

impl Exporter {
    pub(super) fn new(
        url: Url,
        options: &TraceOptions,
        waiting: mpsc::Receiver<Span>,
    ) -> Result<Self, CannotStart> {
        // The collector is the operator's, and not of a call's choosing: [egress] is not asked.
        let http = client_builder().map_err(|fault| CannotStart(fault.what))?;
        let http = http
            .user_agent(concat!("switchhook/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(DEADLINE)
            .no_proxy()
            .build();
        let mut shown = url.clone();
        shown.set_query(None);
        Ok(Self {
            shown: shown.into(),
            http: http.map_err(|error| CannotStart(error.to_string()))?,
            url,
            auth: options.auth.clone(),
            resource: message::resource(&options.service_name),
            waiting,
            batch: Vec::with_capacity(TOGETHER),
            health: watch::Sender::new(Health::well()),
        })
    }

    /// Whether the collector takes spans.
    #[must_use]
    pub(super) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Sends what comes until `stop`; then what is still there, once.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut unsent = None;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                some = self.gather() => if !some { return },
            }
            let spans = std::mem::take(&mut self.batch);
            unsent = self.offer(self.bundle(spans), &stop).await;
        }
        self.waiting.close();
        while let Some(span) = self.waiting.recv().await {
            self.batch.push(span);
        }
        let last = std::mem::take(&mut self.batch);
        let count = last.len() + unsent.as_ref().map_or(0, |bundle| bundle.count);
        if timeout(LAST_WORDS, self.send_last(unsent, last))
            .await
            .is_err()
        {
            warn!(
                spans = count,
                "the collector was too slow for the last spans"
            );
        }
    }

    /// Spans that go together; `false` when there will be no more. Safe to cancel.
    async fn gather(&mut self) -> bool {
        let room = TOGETHER.saturating_sub(self.batch.len());
        if room > 0 && self.waiting.recv_many(&mut self.batch, room).await == 0 {
            return false;
        }
        let until = Instant::now() + LINGER;
        while self.batch.len() < TOGETHER {
            let room = TOGETHER - self.batch.len();
            let more = timeout_at(until, self.waiting.recv_many(&mut self.batch, room));
            if !matches!(more.await, Ok(count) if count > 0) {
                break;
            }
        }
        true
    }

    fn bundle(&self, spans: Vec<Span>) -> Bundle {
        Bundle::new(spans, &self.resource)
    }

    /// Offers spans until they are taken or given up; gives them back when `stop` comes first.
    async fn offer(&self, bundle: Bundle, stop: &CancellationToken) -> Option<Bundle> {
        let until = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        loop {
            let sent = tokio::select! {
                () = stop.cancelled() => return Some(bundle),
                sent = self.send(&bundle) => sent,
            };
            self.note(sent.as_ref().err());
            let again = matches!(sent, Err(Refused::Now(_))) && Instant::now() + wait < until;
            if !again {
                if sent.is_err() {
                    counted("dropped", bundle.count);
                }
                return None;
            }
            tokio::select! {
                () = stop.cancelled() => return Some(bundle),
                () = sleep(wait) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn send_last(&self, unsent: Option<Bundle>, mut spans: Vec<Span>) {
        let mut next = unsent;
        while let Some(bundle) = next.take().or_else(|| self.first(&mut spans)) {
            let sent = self.send(&bundle).await;
            self.note(sent.as_ref().err());
            if sent.is_err() {
                return counted("dropped", bundle.count + spans.len());
            }
        }
    }

    /// Takes as many as go together.
    fn first(&self, spans: &mut Vec<Span>) -> Option<Bundle> {
        let rest = spans.split_off(spans.len().min(TOGETHER));
        let first = std::mem::replace(spans, rest);
        (!first.is_empty()).then(|| self.bundle(first))
    }

    async fn send(&self, bundle: &Bundle) -> Result<(), Refused> {
        let request = self.http.post(self.url.clone());
        let request = match &self.auth {
            Auth::Basic { username, password } => {
                request.basic_auth(username, Some(password.reveal()))
            }
            Auth::Bearer(token) => request.bearer_auth(token.reveal()),
            Auth::None | Auth::OAuth2(_) => request,
        };
        let kind = HeaderValue::from_static("application/x-protobuf");
        let body = bundle.body.clone();
        let sent = request.header(CONTENT_TYPE, kind).body(body).send();
        let unreached = |error: reqwest::Error| Refused::Now(because(&error.without_url()));
        let mut answer = sent.await.map_err(unreached)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(refusal(status));
        }
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            text.extend_from_slice(&chunk);
            if text.len() > ANSWER {
                break;
            }
        }
        let rejected = message::rejected(&text, bundle.count);
        counted("sent", bundle.count - rejected);
        counted("dropped", rejected);
        Ok(())
    }

    /// Says each change once, not each attempt.
    fn note(&self, refused: Option<&Refused>) {
        let (url, before) = (&self.shown, self.health.borrow().ok);
        match refused {
            None if before => {}
            None => {
                info!(%url, "the collector takes spans again");
                self.health.send_replace(Health::well());
            }
            Some(refused) => {
                if before {
                    warn!(%url, "the collector does not take spans: {refused}; those that do not fit in the queue are dropped");
                }
                self.health
                    .send_replace(Health::ill(format!("{url}: {refused}")));
            }
        }
    }
}

/// Which answers mean "later": <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>
fn refusal(status: StatusCode) -> Refused {
    let what = format!("it answered {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => Refused::Now(what),
        _ => Refused::Ever(format!("{what}; look at [traces] url and auth")),
    }
}

fn counted(outcome: &'static str, spans: usize) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    counter!(metric_names::SPANS, "outcome" => outcome).increment(spans);
}

fn because(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    format!("{error}: {deepest}")
}
