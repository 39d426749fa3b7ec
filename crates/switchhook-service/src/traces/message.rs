//! OTLP messages: the request to the collector and its response. The numbers of the fields are
//! those of `opentelemetry/proto/{collector/trace,trace,resource,common}/v1` (opentelemetry-proto
//! 1.x).

use bytes::Bytes;
use tracing::warn;

use super::protobuf::{Fields, Message, Value};
use super::span::{AttributeValue, Span, attribute};

/// A batch of spans, encoded once for all its attempts.
#[derive(Debug)]
pub(super) struct SpanBatch {
    pub(super) body: Bytes,
    pub(super) count: usize,
}

impl SpanBatch {
    /// Encodes an `ExportTraceServiceRequest` of spans that have one [`resource`].
    pub(super) fn new(spans: &[Span], resource: &Message) -> Self {
        let scope = Message::default()
            .bytes(1, env!("CARGO_PKG_NAME"))
            .bytes(2, env!("CARGO_PKG_VERSION"));
        let scope_spans = Message::default().message_always(1, &scope);
        let scope_spans = spans.iter().fold(scope_spans, |scope_spans, span| {
            scope_spans.message_always(2, &span.encode())
        });
        let resource_spans = Message::default()
            .message_always(1, resource)
            .message_always(2, &scope_spans);
        let request = Message::default().message_always(1, &resource_spans);
        Self {
            body: request.into_bytes().into(),
            count: spans.len(),
        }
    }
}

/// Encodes the `Resource`: the attributes of this service.
pub(super) fn resource(service_name: &str) -> Message {
    let instance = uuid::Uuid::new_v4().to_string();
    [
        ("service.name", service_name),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", &instance),
    ]
    .into_iter()
    .fold(Message::default(), |resource, (key, text)| {
        resource.message_always(1, &attribute(key, AttributeValue::Text(text)))
    })
}

/// Returns how many of `count` spans the collector rejected (`ExportTraceServiceResponse`).
pub(super) fn rejected(answer: &[u8], count: usize) -> usize {
    let (mut rejected, mut why) = (0, String::new());
    for (field, value) in Fields(answer) {
        let (1, Value::Bytes(partial_success)) = (field, value) else {
            continue;
        };
        for field in Fields(partial_success) {
            match field {
                // Negative numbers mean nothing here.
                (1, Value::Varint(spans)) => {
                    rejected = usize::try_from(spans.cast_signed()).unwrap_or(0);
                }
                (2, Value::Bytes(text)) => why = String::from_utf8_lossy(text).into_owned(),
                (_, Value::Varint(_) | Value::Bytes(_)) => {}
            }
        }
    }
    if rejected > 0 {
        warn!(spans = rejected, why, "the collector rejected spans");
    }
    rejected.min(count)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1 as proto;
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
    use opentelemetry_proto::tonic::trace::v1 as trace_proto;
    use prost::Message as _;

    use super::super::{ALL_CALLS, SpanId, SpanKind, Trace};
    use super::*;

    fn value(attribute: &KeyValue) -> (&str, &any_value::Value) {
        let value = attribute.value.as_ref().and_then(|any| any.value.as_ref());
        (&attribute.key, value.unwrap())
    }

    #[test]
    fn a_batch_is_what_the_published_schema_reads() {
        let trace = Trace::of("9d34878d-01a0-45ba-b5d6-6b097ae17611", ALL_CALLS);
        let (id, parent) = (SpanId::random(), SpanId::random());
        let long = "é".repeat(200);
        let span = Span::new(trace, id, SpanKind::Client, "GET")
            .renamed("deliver crm")
            .child_of(Some(parent))
            .text("long", &long)
            .text("none", "")
            .number("port", Some(8_443))
            .number("zero", Some(0))
            .number("below", Some(-1))
            .number("absent", None)
            .flag("so", true)
            .flag("not so", false)
            .event("answered", 7)
            .link(trace)
            .failed("TIMEOUT", "no answer")
            .timed(u64::MAX - 1, 5);
        let bare = Span::new(trace, id, SpanKind::Internal, "bare");
        let batch = SpanBatch::new(&[span, bare], &resource("hook"));
        assert_eq!(batch.count, 2);

        let request = proto::ExportTraceServiceRequest::decode(batch.body.clone()).unwrap();
        // Nothing is left over: the schema writes the same length again.
        assert_eq!(request.encoded_len(), batch.body.len());
        let [resource_spans] = &request.resource_spans[..] else {
            panic!("{request:?}");
        };
        let resource = resource_spans.resource.as_ref().unwrap();
        let name = any_value::Value::StringValue("hook".into());
        assert_eq!(value(&resource.attributes[0]), ("service.name", &name));
        let keys: Vec<_> = resource.attributes.iter().map(|one| &one.key).collect();
        let expected = ["service.name", "service.version", "service.instance.id"];
        assert_eq!(keys, expected);
        let [scope_spans] = &resource_spans.scope_spans[..] else {
            panic!("{request:?}");
        };
        let scope = scope_spans.scope.as_ref().unwrap();
        assert_eq!(scope.name, "switchhook-service");
        assert_eq!(scope.version, env!("CARGO_PKG_VERSION"));

        let [span, bare] = &scope_spans.spans[..] else {
            panic!("{request:?}");
        };
        assert_eq!(span.trace_id, trace.bytes());
        assert_eq!(span.span_id, id.bytes());
        assert_eq!(span.parent_span_id, parent.bytes());
        assert_eq!(span.name, "deliver crm");
        assert_eq!(span.kind(), trace_proto::span::SpanKind::Client);
        assert_eq!(span.flags, 1);
        let times = (span.start_time_unix_nano, span.end_time_unix_nano);
        assert_eq!(times, (u64::MAX - 1, u64::MAX - 1));
        let attributes: Vec<_> = span.attributes.iter().map(value).collect();
        let text = |text: &str| any_value::Value::StringValue(text.into());
        assert_eq!(
            attributes,
            [
                ("long", &text(&long)),
                ("port", &any_value::Value::IntValue(8_443)),
                ("zero", &any_value::Value::IntValue(0)),
                ("below", &any_value::Value::IntValue(-1)),
                ("so", &any_value::Value::BoolValue(true)),
                ("not so", &any_value::Value::BoolValue(false)),
                ("error.type", &text("TIMEOUT")),
            ]
        );
        let event = &span.events[0];
        assert_eq!((event.name.as_str(), event.time_unix_nano), ("answered", 7));
        let link = &span.links[0];
        assert_eq!(link.trace_id, trace.bytes());
        assert_eq!(link.span_id, trace.root().bytes());
        let status = span.status.as_ref().unwrap();
        assert_eq!(status.code(), trace_proto::status::StatusCode::Error);
        assert_eq!(status.message, "no answer");

        assert_eq!((bare.name.as_str(), bare.parent_span_id.len()), ("bare", 0));
        assert_eq!(bare.kind(), trace_proto::span::SpanKind::Internal);
        assert!(bare.attributes.is_empty() && bare.status.is_none());
    }

    #[test]
    fn rejected_spans_are_read_from_the_answer_whatever_it_holds() {
        let answer = |rejected_spans, error_message: &str| {
            let partial_success = Some(proto::ExportTracePartialSuccess {
                rejected_spans,
                error_message: error_message.into(),
            });
            proto::ExportTraceServiceResponse { partial_success }.encode_to_vec()
        };
        assert_eq!(rejected(&[], 5), 0);
        assert_eq!(rejected(&answer(0, "a warning"), 5), 0);
        assert_eq!(rejected(&answer(3, "too old"), 5), 3);
        assert_eq!(rejected(&answer(300, ""), 5), 5);
        assert_eq!(rejected(&answer(-1, ""), 5), 0);
        // Fields of a later version are skipped, and what is no protobuf ends the reading.
        let later = Message::default().fixed32(9, 1).fixed64(10, 1);
        let later = [later.into_bytes(), answer(2, "")].concat();
        assert_eq!(rejected(&later, 5), 2);
        for cut in 0..later.len() {
            assert!(rejected(&later[..cut], 5) <= 2);
        }
        for bytes in [
            &b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"[..],
            b"<html>",
            b"\x0f",
        ] {
            assert_eq!(rejected(bytes, 5), 0, "{bytes:?}");
        }
    }
}
