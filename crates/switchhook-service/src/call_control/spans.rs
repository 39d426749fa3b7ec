//! The spans of one widget's run ([`crate::traces`]).

use tokio::time::Instant;

use crate::traces::{Clock, Span, SpanId, SpanKind, Trace, Traces};
use switchhook_core::metric_names;

use super::channel::{Channel, Way};
use super::report::CallReport;
use super::{Asked, BackgroundRequest};

/// What is noted of a call for its spans, while it lasts.
#[derive(Debug)]
pub(crate) struct Noted {
    traces: Traces,
    trace: Trace,
    widget: SpanId,
    began: Instant,
    asked: Option<(Instant, Span)>,
}

impl Noted {
    /// Nothing where there are no traces.
    pub(super) fn begin(
        traces: Option<Traces>,
        channel: &Channel,
        began: Instant,
    ) -> Option<Box<Self>> {
        let traces = traces?;
        Some(Box::new(Self {
            trace: traces.of(&channel.uuid),
            traces,
            widget: SpanId::random(),
            began,
            asked: None,
        }))
    }

    /// The call asks: a webhook is told what it is below.
    pub(super) fn asks(&mut self, asked: &mut Asked) {
        let id = SpanId::random();
        let span = match asked {
            Asked::Request(request) => {
                self.trace.stamp(id, &mut request.headers);
                Span::request(self.trace, id, (&request.method, &request.url))
            }
            Asked::Question(_) => Span::new(self.trace, id, SpanKind::Internal, "answer"),
        };
        self.asked = Some((Instant::now(), span.below(Some(self.widget))));
    }

    /// The call asks in the background: the attempts to deliver that find their way here by
    /// its id.
    pub(super) fn leaves(&mut self, background: &BackgroundRequest) {
        self.widget = SpanId::of(&background.id);
    }

    /// The run is over.
    pub(super) fn tell(self, report: &CallReport) {
        let traces = &self.traces;
        let clock = Clock::now();
        let left = self.began + report.held;
        let between = (clock.ns(self.began), clock.ns(left));
        let unsent = report
            .outcome
            .as_ref()
            .is_some_and(|it| it.duration.is_none());
        if let Some((at, span)) = self.asked.filter(|_| !unsent) {
            traces.send(request(traces, span, (clock, at, left), report));
        }
        let span = Span::new(self.trace, self.widget, SpanKind::Server, &name(report));
        let span = span
            .below(traces.root(self.trace))
            .between(between.0, between.1);
        traces.send(widget(traces, span, report));
    }
}

/// The name comes from the peer: only those that we know may become a name of a span.
fn name(report: &CallReport) -> String {
    let known = report.known.then_some(report.channel.widget.as_str());
    format!("webhook {}", known.unwrap_or(metric_names::UNKNOWN))
}

fn widget(traces: &Traces, span: Span, report: &CallReport) -> Span {
    let (channel, mask) = (&report.channel, traces.mask());
    let way = match channel.way {
        Way::Socket { .. } => "socket",
        Way::Parked(_) => "park",
    };
    let span = span
        .text("switchhook.call_uuid", &channel.uuid)
        .text("switchhook.webhook", &channel.widget)
        .text(
            "switchhook.flow",
            channel.flow.as_deref().unwrap_or_default(),
        )
        .text("switchhook.way", way)
        .text("switchhook.caller", &mask.number(&channel.caller))
        .text("switchhook.called", &mask.number(&channel.destination))
        .text("switchhook.ending", report.ending.as_str());
    match failure(report) {
        Some((reason, detail)) => span.failed(reason, &mask.text(detail)),
        None => span,
    }
}

fn request(
    traces: &Traces,
    span: Span,
    (clock, at, left): (Clock, Instant, Instant),
    report: &CallReport,
) -> Span {
    let Some(outcome) = &report.outcome else {
        let span = span.between(clock.ns(at), clock.ns(left));
        // Nobody waits for the answer any more.
        return span.failed("cancelled", report.ending.as_str());
    };
    let ended = outcome
        .duration
        .map_or(at, |duration| (at + duration).min(left.max(at)));
    let status = outcome.status.map(i64::from);
    let span = span
        .between(clock.ns(at), clock.ns(ended))
        .number("http.response.status_code", status)
        .number(
            "http.response.body.size",
            i64::try_from(outcome.raw.len()).ok(),
        );
    let span = match outcome.phases.headers {
        Some(headers) => span.event("headers", clock.ns(at + headers)),
        None => span,
    };
    match failure(report) {
        Some((reason, detail)) => span.failed(reason, &traces.mask().text(detail)),
        None => span,
    }
}

fn failure(report: &CallReport) -> Option<(&'static str, &str)> {
    let failure = report.outcome.as_ref()?.verdict.as_ref().err()?;
    Some((failure.reason.as_str(), &failure.detail))
}
