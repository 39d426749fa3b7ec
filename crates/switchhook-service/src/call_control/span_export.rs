//! Sends the spans of a call that has left the hold ([`crate::traces`]).

use tokio::time::Instant;

use crate::traces::{Clock, Span, SpanId, SpanKind, Traces};
use switchhook_core::metric_names;

use super::call_report::CallReport;
use super::channel::HandOver;
use super::spans::CallSpans;

/// Sends the span of the call, and that of its request if one was sent.
pub(super) fn send(spans: CallSpans, report: &CallReport) {
    let traces = &spans.traces;
    let clock = Clock::now();
    let left = spans.began + report.hold_time;
    let between = (clock.unix_ns(spans.began), clock.unix_ns(left));
    let unsent = report
        .outcome
        .as_ref()
        .is_some_and(|it| it.duration.is_none());
    if let Some((at, span)) = spans.request.filter(|_| !unsent) {
        send_tries(traces, &span, (clock, at), report);
        traces.send(request_span(traces, span, (clock, at, left), report));
    }
    let span = Span::new(spans.trace, spans.span_id, SpanKind::Server, &name(report));
    let span = span
        .child_of(traces.root(spans.trace))
        .timed(between.0, between.1);
    traces.send(lookup_span(traces, span, report));
}

/// Returns the name of the call's span. The peer chooses the webhook's name: only known names may
/// become a span's name.
fn name(report: &CallReport) -> String {
    let known = report.known.then_some(report.channel.webhook.as_str());
    format!("webhook {}", known.unwrap_or(metric_names::UNKNOWN))
}

fn lookup_span(traces: &Traces, span: Span, report: &CallReport) -> Span {
    let (channel, mask) = (&report.channel, traces.mask());
    let hand_over = match channel.hand_over {
        HandOver::Socket { .. } => "socket",
        HandOver::Parked(_) => "park",
    };
    let span = span
        .text("switchhook.call_uuid", &channel.uuid)
        .text("switchhook.webhook", &channel.webhook)
        .text(
            "switchhook.flow",
            channel.flow.as_deref().unwrap_or_default(),
        )
        .text("switchhook.way", hand_over)
        .text("switchhook.caller", &mask.number(&channel.caller))
        .text("switchhook.called", &mask.number(&channel.destination))
        .text("switchhook.ending", report.ending.as_str());
    match failure(report) {
        Some((reason, detail)) => span.failed(reason, &mask.text(detail)),
        None => span,
    }
}

fn request_span(
    traces: &Traces,
    span: Span,
    (clock, at, left): (Clock, Instant, Instant),
    report: &CallReport,
) -> Span {
    let Some(outcome) = &report.outcome else {
        let span = span.timed(clock.unix_ns(at), clock.unix_ns(left));
        // The call ended first, which cancelled the request.
        return span.failed("cancelled", report.ending.as_str());
    };
    let ended = outcome
        .duration
        .map_or(at, |duration| (at + duration).min(left.max(at)));
    let status = outcome.status.map(i64::from);
    let span = span
        .timed(clock.unix_ns(at), clock.unix_ns(ended))
        .number("http.response.status_code", status)
        .number(
            "http.response.body.size",
            i64::try_from(outcome.raw.len()).ok(),
        );
    let span = match outcome.phases.headers {
        Some(headers) => span.event("headers", clock.unix_ns(at + headers)),
        None => span,
    };
    match failure(report) {
        Some((reason, detail)) => span.failed(reason, &traces.mask().text(detail)),
        None => span,
    }
}

/// Sends a span for each of several tries, below that of the request.
fn send_tries(traces: &Traces, request: &Span, (clock, at): (Clock, Instant), report: &CallReport) {
    let tries = report.outcome.iter().flat_map(|outcome| &outcome.tries);
    for one in tries {
        let began = at + one.began;
        let ended = began + one.duration.unwrap_or_default();
        let span = Span::new(request.trace(), SpanId::random(), SpanKind::Client, "try")
            .child_of(Some(request.id()))
            .timed(clock.unix_ns(began), clock.unix_ns(ended))
            .text("url.full", &traces.mask().text(&one.url))
            .number("http.response.status_code", one.status.map(i64::from));
        traces.send(match &one.failure {
            Some(failure) => {
                let detail = traces.mask().text(&failure.detail);
                span.failed(failure.reason.as_str(), &detail)
            }
            None => span,
        });
    }
}

fn failure(report: &CallReport) -> Option<(&'static str, &str)> {
    let failure = report.outcome.as_ref()?.verdict.as_ref().err()?;
    Some((failure.reason.as_str(), &failure.detail))
}
