//! Collects spans as an OpenTelemetry collector does: OTLP over HTTP, protobuf.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the collector has received so far.
#[derive(Clone, Default)]
struct Received {
    spans: Arc<Mutex<Vec<ReceivedSpan>>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
    resource: Arc<Mutex<BTreeMap<String, String>>>,
    changed: watch::Sender<()>,
}

/// A span in the form that tests compare.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    pub trace: String,
    pub id: String,
    /// The parent span; empty if there is none.
    pub parent: String,
    pub name: String,
    pub kind: i32,
    pub began_ns: u64,
    pub ended_ns: u64,
    /// Every attribute as text.
    pub attributes: BTreeMap<String, String>,
    /// The failure's message.
    pub failure: Option<String>,
    /// The traces to which the span links.
    pub links: Vec<String>,
}

pub struct Collector {
    pub address: SocketAddr,
    received: Received,
}

impl Collector {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Received::default();
        let router = Router::new().route("/v1/traces", post(take));
        let router = router.with_state(received.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, received }
    }

    /// Returns the configuration section that sends spans here.
    pub fn section(&self) -> String {
        section(self.address)
    }

    /// Returns every received request body, joined.
    pub fn bytes(&self) -> Vec<u8> {
        self.received.bytes.lock().unwrap().clone()
    }

    /// Returns the headers of the first request.
    pub fn headers(&self) -> HeaderMap {
        self.received.headers.lock().unwrap()[0].clone()
    }

    /// Returns the resource attributes of the last request, which name the sender.
    pub fn resource(&self) -> BTreeMap<String, String> {
        self.received.resource.lock().unwrap().clone()
    }

    /// Returns every received span.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.received.spans.lock().unwrap().clone()
    }

    /// Waits until a trace has `count` spans and returns them by name.
    pub async fn trace(&self, uuid: &str, count: usize) -> BTreeMap<String, ReceivedSpan> {
        let trace = uuid.replace('-', "");
        let mut changed = self.received.changed.subscribe();
        loop {
            let ours = self.spans().into_iter();
            let ours = ours.filter(|span| span.trace == trace);
            let ours: Vec<ReceivedSpan> = ours.collect();
            if ours.len() >= count {
                let named = ours.into_iter().map(|span| (span.name.clone(), span));
                return named.collect();
            }
            changed.changed().await.unwrap();
        }
    }
}

/// Returns the configuration section that sends spans to `address`.
pub fn section(address: SocketAddr) -> String {
    format!("[traces]\nurl = \"http://{address}/v1/traces\"\n")
}

async fn take(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    received.bytes.lock().unwrap().extend_from_slice(&body);
    received.headers.lock().unwrap().push(headers);
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap();
        *received.resource.lock().unwrap() = attributes(resource.attributes);
        let scopes = of_resource.scope_spans.into_iter();
        let spans = scopes.flat_map(|scope| scope.spans).map(received_span);
        received.spans.lock().unwrap().extend(spans);
    }
    received.changed.send_replace(());
    StatusCode::OK
}

fn received_span(span: Span) -> ReceivedSpan {
    ReceivedSpan {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        began_ns: span.start_time_unix_nano,
        ended_ns: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        failure: span.status.map(|status| status.message),
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
    }
}

fn attributes(list: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |one: KeyValue| {
        let text = match one.value.unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            Value::IntValue(number) => number.to_string(),
            Value::BoolValue(flag) => flag.to_string(),
            Value::DoubleValue(_)
            | Value::ArrayValue(_)
            | Value::KvlistValue(_)
            | Value::BytesValue(_)
            | Value::StringValueStrindex(_) => panic!("not one of ours"),
        };
        (one.key, text)
    };
    list.into_iter().map(text).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
