//! Sends spans to the collector, many at a time. One that does not take them is asked again for
//! a while; meanwhile the queue fills, and what it has no room for is dropped.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use metrics::counter;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::{CannotStart, Options};
use crate::meter;
use crate::store::Health;
use crate::webhook::options::Auth;

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
        options: &Options,
        waiting: mpsc::Receiver<Span>,
    ) -> Result<Self, CannotStart> {
        // The collector is the operator's, and not of a call's choosing: [egress] is not asked.
        let http = Client::builder()
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
            resource: resource(&options.service_name),
            waiting,
            batch: Vec::with_capacity(TOGETHER),
            health: watch::Sender::new(Health::well()),
        })
    }

    /// Whether the collector takes spans.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Sends what comes until `stop`; then what is still there, once.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                some = self.gather() => if !some { return },
            }
            self.offer(&stop).await;
        }
        self.waiting.close();
        while let Some(span) = self.waiting.recv().await {
            self.batch.push(span);
        }
        let last = std::mem::take(&mut self.batch);
        let (count, sending) = (last.len(), self.send_last(last));
        if timeout(LAST_WORDS, sending).await.is_err() {
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

    /// Offers the batch until it is taken or given up; keeps it when `stop` comes first.
    async fn offer(&mut self, stop: &CancellationToken) {
        let (body, count) = (self.body(self.batch.clone()), self.batch.len());
        let until = Instant::now() + PATIENCE;
        let mut wait = FIRST_WAIT;
        loop {
            let sent = tokio::select! {
                () = stop.cancelled() => return,
                sent = self.send(body.clone(), count) => sent,
            };
            self.note(sent.as_ref().err());
            let again = matches!(sent, Err(Refused::Now(_))) && Instant::now() + wait < until;
            if !again {
                if sent.is_err() {
                    counted("dropped", count);
                }
                return self.batch.clear();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn send_last(&self, mut spans: Vec<Span>) {
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(TOGETHER));
            let count = spans.len();
            let sent = self.send(self.body(spans), count).await;
            self.note(sent.as_ref().err());
            if sent.is_err() {
                return counted("dropped", count + rest.len());
            }
            spans = rest;
        }
    }

    async fn send(&self, body: Bytes, count: usize) -> Result<(), Refused> {
        let request = self.http.post(self.url.clone());
        let request = match &self.auth {
            Auth::Basic { username, password } => {
                request.basic_auth(username, Some(password.reveal()))
            }
            Auth::Bearer(token) => request.bearer_auth(token.reveal()),
            Auth::None | Auth::OAuth2(_) => request,
        };
        let kind = HeaderValue::from_static("application/x-protobuf");
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
        let rejected = rejected(&text, count);
        counted("sent", count - rejected);
        counted("dropped", rejected);
        Ok(())
    }

    fn body(&self, spans: Vec<Span>) -> Bytes {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let of_scope = ScopeSpans {
            scope: Some(scope),
            spans,
            ..ScopeSpans::default()
        };
        let of_resource = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans: vec![of_scope],
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![of_resource],
        };
        request.encode_to_vec().into()
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

/// Who tells all this.
fn resource(service_name: &str) -> Resource {
    let attribute = |key: &str, text: String| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }),
        ..KeyValue::default()
    };
    let instance = uuid::Uuid::new_v4().to_string();
    Resource {
        attributes: vec![
            attribute("service.name", service_name.to_owned()),
            attribute("service.version", env!("CARGO_PKG_VERSION").into()),
            attribute("service.instance.id", instance),
        ],
        ..Resource::default()
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

/// How many of them the collector would not have.
fn rejected(answer: &[u8], count: usize) -> usize {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    let rejected = usize::try_from(partial.rejected_spans).unwrap_or(0);
    if rejected > 0 {
        let why = partial.error_message;
        warn!(spans = rejected, why, "the collector rejected spans");
    }
    rejected.min(count)
}

fn counted(outcome: &'static str, spans: usize) {
    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
    counter!(meter::SPANS, "outcome" => outcome).increment(spans);
}

fn because(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    format!("{error}: {deepest}")
}
