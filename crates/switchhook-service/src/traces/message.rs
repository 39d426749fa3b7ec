//! OTLP messages: the request to the collector and its response.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tracing::warn;

/// A batch of spans, encoded once for all its attempts.
#[derive(Debug)]
pub(super) struct SpanBatch {
    pub(super) body: Bytes,
    pub(super) count: usize,
}

impl SpanBatch {
    pub(super) fn new(spans: Vec<Span>, resource: &Resource) -> Self {
        let count = spans.len();
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..InstrumentationScope::default()
        };
        let scope_spans = ScopeSpans {
            scope: Some(scope),
            spans,
            ..ScopeSpans::default()
        };
        let resource_spans = ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![scope_spans],
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![resource_spans],
        };
        let body = request.encode_to_vec().into();
        Self { body, count }
    }
}

/// Returns the attributes of this service.
pub(super) fn resource(service_name: &str) -> Resource {
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

/// Returns how many of `count` spans the collector rejected.
pub(super) fn rejected(answer: &[u8], count: usize) -> usize {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    let rejected = usize::try_from(partial.rejected_spans).unwrap_or(0);
    if rejected > 0 {
        let why = partial.error_message;
        warn!(spans = rejected, why, "the collector rejected spans");
    }
    rejected.min(count)
}
