//! The span of one delivery attempt ([`crate::traces`]).

use http::header::HeaderMap;

use crate::outbox::{Delivery, Reply, TakenStatuses};
use crate::traces::{Span, SpanId, Traces};
use switchhook_core::clock::now_ns;
use switchhook_store::DeliveryKind;
use switchhook_webhook::Prepared;

/// The span of one attempt. It is sent also if the attempt is broken off.
pub(super) struct DeliverySpan {
    traces: Traces,
    began_ns: u64,
    span: Option<Span>,
    taken: TakenStatuses,
}

impl DeliverySpan {
    /// Begins the span, and adds its trace context to the request's headers.
    pub(super) fn begin(traces: &Traces, delivery: &Delivery, request: &mut Prepared) -> Self {
        let trace = traces.of(&delivery.call_uuid);
        let parent = match delivery.kind {
            DeliveryKind::Document | DeliveryKind::Event => Some(trace.root()),
            // The span of the call's webhook run has this id.
            DeliveryKind::Request => Some(SpanId::of(&delivery.webhook_id)),
        };
        let id = SpanId::random();
        let headers: &mut HeaderMap = &mut request.headers;
        trace.write_header(id, headers);
        let span = Span::request(trace, id, (&request.method, &request.url))
            .renamed(&format!("deliver {}", delivery.endpoint))
            .child_of(parent)
            .text("switchhook.call_uuid", &delivery.call_uuid)
            .text("switchhook.webhook", &delivery.endpoint)
            .text("switchhook.webhook_id", &delivery.webhook_id)
            .number("switchhook.attempt", Some(i64::from(delivery.attempt)));
        Self {
            traces: traces.clone(),
            began_ns: now_ns(),
            span: Some(span),
            taken: delivery.taken.clone(),
        }
    }

    /// Ends the span with the result of the attempt.
    pub(super) fn end(mut self, answer: &Result<Reply, String>) {
        let Some(span) = self.span.take() else { return };
        let span = match answer {
            Ok(reply) => {
                let status = reply.status;
                let span = span.number("http.response.status_code", Some(i64::from(status)));
                if self.taken.contain(status) {
                    span
                } else {
                    span.failed(&status.to_string(), "")
                }
            }
            Err(error) => span.failed("undelivered", &self.traces.mask().text(error)),
        };
        self.traces.send(span.timed(self.began_ns, now_ns()));
    }
}

impl Drop for DeliverySpan {
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            let span = span.failed("undelivered", "no answer in time");
            self.traces.send(span.timed(self.began_ns, now_ns()));
        }
    }
}
