//! Collects what a call's spans need while the call lasts ([`crate::traces`]).

use tokio::time::Instant;

use crate::traces::{Span, SpanId, SpanKind, Trace, Traces};

use super::channel::Channel;
use super::{BackgroundRequest, TaskRequest};

/// The trace of one call on hold, and the span of its request once that is sent.
#[derive(Debug)]
pub(crate) struct CallSpans {
    pub(super) traces: Traces,
    pub(super) trace: Trace,
    pub(super) span_id: SpanId,
    pub(super) began: Instant,
    pub(super) request: Option<(Instant, Span)>,
}

impl CallSpans {
    /// Begins the trace of a call; `None` without a trace collector.
    pub(super) fn begin(
        traces: Option<Traces>,
        channel: &Channel,
        began: Instant,
    ) -> Option<Box<Self>> {
        let traces = traces?;
        Some(Box::new(Self {
            trace: traces.of(&channel.uuid),
            traces,
            span_id: SpanId::random(),
            began,
            request: None,
        }))
    }

    /// Begins the request's span, and adds its trace context to an HTTP request's headers.
    pub(super) fn begin_request(&mut self, request: &mut TaskRequest) {
        let id = SpanId::random();
        let span = match request {
            TaskRequest::Request(request) => {
                self.trace.stamp(id, &mut request.headers);
                Span::request(self.trace, id, (&request.method, &request.url))
            }
            TaskRequest::Question(_) => Span::new(self.trace, id, SpanKind::Internal, "answer"),
        };
        self.request = Some((Instant::now(), span.below(Some(self.span_id))));
    }

    /// Derives the span's id from that of a background request, so that the spans of its delivery
    /// attempts find it.
    pub(super) fn link_background(&mut self, background: &BackgroundRequest) {
        self.span_id = SpanId::of(&background.id);
    }
}
