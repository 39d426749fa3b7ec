//! The span of a finished call ([`crate::traces`]).

use crate::traces::{Span, SpanKind, Traces};
use switchhook_core::mask::Mask;
use switchhook_store::{CallSummary, FinishedCallRecord};

/// Sends the span of a finished call. `channels`: the channels of the call on which webhooks
/// ran; each has a trace of its own, which the span links to.
pub(super) fn send<'a>(
    traces: &Traces,
    call: &FinishedCallRecord,
    channels: impl Iterator<Item = &'a str>,
) {
    let trace = traces.of(&call.call_uuid);
    let Some(summary) = call.summary.as_ref().filter(|_| trace.is_sampled()) else {
        return;
    };
    let span = Span::new(trace, trace.root(), SpanKind::Server, "call");
    let span = with_attributes(span, call, summary, traces.mask());
    let others = channels.map(|uuid| traces.of(uuid));
    let span = others
        .filter(|other| *other != trace)
        .fold(span, Span::link);
    traces.send(span);
}

fn with_attributes(
    span: Span,
    call: &FinishedCallRecord,
    summary: &CallSummary,
    mask: Mask,
) -> Span {
    let began_us = match call.created_us {
        0 => summary.started_ms.saturating_mul(1_000),
        created_us => created_us,
    };
    let ns = |us: i64| u64::try_from(us.saturating_mul(1_000)).unwrap_or_default();
    let ended_us = summary.ended_ms.saturating_mul(1_000);
    let span = match summary.answered_ms {
        Some(answered_ms) => span.event("answered", ns(answered_ms.saturating_mul(1_000))),
        None => span,
    };
    span.timed(ns(began_us), ns(ended_us))
        .text("switchhook.call_uuid", &call.call_uuid)
        .text("switchhook.switch", &call.switch)
        .text("switchhook.flow", &summary.flow)
        .text("switchhook.caller", &mask.number(&summary.caller))
        .text("switchhook.called", &mask.number(&summary.called))
        .text("switchhook.hangup_cause", &summary.hangup_cause)
        .number("switchhook.legs", Some(i64::from(summary.legs)))
        .number("switchhook.talk_ms", Some(summary.talk_ms))
        .flag("switchhook.incomplete", summary.incomplete)
}
