//! The spans of what outlasts a widget: deliveries, and the call itself; and the exporter's life.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::HeaderMap;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::outbox::{Delivery, Reply};
use crate::traces::{
    self, CannotStart, Exporter, Manner, Span, SpanId, SpanKind, TraceOptions, Traces,
};
use switchhook_core::mask::Mask;
use switchhook_store::{CallSummary, DeliveryKind as Sent, FinishedCallRecord};
use switchhook_webhook::Prepared;

/// Where spans go, and the tasks that send them.
pub(crate) struct Tracing {
    /// Empty when there is no collector.
    pub place: traces::TracesHandle,
    manner: Manner,
    options: Mutex<TraceOptions>,
    /// The last one, and those before it that still have something to send.
    exporters: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// What a configuration asks for, and where there is a collector, who sends to it.
pub(crate) struct Next {
    options: TraceOptions,
    made: Option<(Traces, Exporter)>,
}

impl Tracing {
    /// Starts what the configuration asks for.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub(super) fn start(config: &Config) -> Result<Self, CannotStart> {
        let tracing = Self {
            place: traces::TracesHandle::default(),
            manner: Manner {
                mask: Mask(config.account.mask_numbers),
                has_calls: !config.freeswitch.is_empty(),
            },
            options: Mutex::default(),
            exporters: Mutex::default(),
            stop: CancellationToken::new(),
        };
        let next = tracing.prepare(config)?;
        tracing.replace(next);
        Ok(tracing)
    }

    /// What another configuration asks for; `None` when that is the same.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub(super) fn prepare(&self, config: &Config) -> Result<Option<Next>, CannotStart> {
        if *locked(&self.options) == config.traces {
            return Ok(None);
        }
        Ok(Some(Next {
            options: config.traces.clone(),
            made: Traces::new(&config.traces, self.manner)?,
        }))
    }

    /// Takes it. What has begun is told to the collector that was there then, which gets
    /// everything that waits for it; then nobody sends to it any more.
    pub(super) fn replace(&self, next: Option<Next>) {
        let Some(Next { options, made }) = next else {
            return;
        };
        let (traces, exporter) = made.unzip();
        let mut exporters = locked(&self.exporters);
        exporters.retain(|exporter| !exporter.is_finished());
        exporters.extend(exporter.map(|exporter| tokio::spawn(exporter.run(self.stop.clone()))));
        self.place.replace(traces);
        *locked(&self.options) = options;
    }

    /// Sends what is left.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        let exporters = std::mem::take(&mut *locked(&self.exporters));
        for exporter in exporters {
            super::ended("traces", exporter.await);
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One attempt to deliver. An attempt that is broken off is told as well.
pub(crate) struct Attempt {
    traces: Traces,
    began_ns: u64,
    span: Option<Span>,
}

impl Attempt {
    /// Tells the receiver what it is below.
    pub(super) fn begin(traces: &Traces, delivery: &Delivery, request: &mut Prepared) -> Self {
        let trace = traces.of(&delivery.call_uuid);
        let parent = match delivery.kind {
            Sent::Document => Some(trace.root()),
            // The widget's run took its id from it.
            Sent::Request => Some(SpanId::of(&delivery.webhook_id)),
        };
        let id = SpanId::random();
        let headers: &mut HeaderMap = &mut request.headers;
        trace.stamp(id, headers);
        let span = Span::request(trace, id, (&request.method, &request.url))
            .named(&format!("deliver {}", delivery.endpoint))
            .below(parent)
            .text("switchhook.call_uuid", &delivery.call_uuid)
            .text("switchhook.webhook", &delivery.endpoint)
            .text("switchhook.webhook_id", &delivery.webhook_id)
            .number("switchhook.attempt", Some(i64::from(delivery.attempt)));
        Self {
            traces: traces.clone(),
            began_ns: now_ns(),
            span: Some(span),
        }
    }

    /// It ended so.
    pub(super) fn end(mut self, answer: &Result<Reply, String>) {
        let Some(span) = self.span.take() else { return };
        let span = match answer {
            Ok(reply) => {
                let status = reply.status;
                let span = span.number("http.response.status_code", Some(i64::from(status)));
                match (200..300).contains(&status) {
                    true => span,
                    false => span.failed(&status.to_string(), ""),
                }
            }
            Err(error) => span.failed("undelivered", &self.traces.mask().text(error)),
        };
        self.traces.send(span.between(self.began_ns, now_ns()));
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            let span = span.failed("undelivered", "no answer in time");
            self.traces.send(span.between(self.began_ns, now_ns()));
        }
    }
}

/// A call that is over. `others`: channels of it on which widgets ran, each in a trace of its own.
pub(crate) fn call<'a>(
    traces: &Traces,
    call: &FinishedCallRecord,
    others: impl Iterator<Item = &'a str>,
) {
    let trace = traces.of(&call.call_uuid);
    let Some(summary) = call.summary.as_ref().filter(|_| trace.is_sampled()) else {
        return;
    };
    let span = Span::new(trace, trace.root(), SpanKind::Server, "call");
    let span = told(span, call, summary, traces.mask());
    let others = others.map(|uuid| traces.of(uuid));
    let span = others
        .filter(|other| *other != trace)
        .fold(span, Span::link);
    traces.send(span);
}

fn told(span: Span, call: &FinishedCallRecord, summary: &CallSummary, mask: Mask) -> Span {
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
    span.between(ns(began_us), ns(ended_us))
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

fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
