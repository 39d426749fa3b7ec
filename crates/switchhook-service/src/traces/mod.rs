//! Traces: the path of a call as OpenTelemetry spans, sent to a collector (OTLP over HTTP).
//!
//! ```text
//! call ─┬─ webhook ─── request         traceparent of the request to the webhook
//!       └─ delivery (each attempt)     traceparent of the delivered document
//! ```
//!
//! `call_control` and `service` report what has ended; traces depend on neither. The ids of the
//! trace and of the call's span are derived from the call's Unique-ID, so spans of later hours,
//! after a restart or from another instance, find their parent without stored state.
//!
//! Without a collector in the configuration there are no [`Traces`], and no spans are made. A
//! collector that is down delays no call: spans wait in a bounded queue, and spans beyond it are
//! dropped and counted.

mod exporter;
mod ids;
mod message;
mod protobuf;
mod span;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use metrics::counter;
use tokio::sync::{mpsc, watch};
use url::Url;

use switchhook_core::health::Health;
use switchhook_core::mask::Mask;
use switchhook_core::metric_names;
use switchhook_webhook::options::Auth;

pub use exporter::Exporter;
pub use ids::{SpanId, Trace};
pub use span::{Clock, Span, SpanKind};

/// The share that selects every call, in millionths.
pub(crate) const ALL_CALLS: u32 = 1_000_000;
/// Spans that may wait for the collector, about 1 KiB each; further ones are dropped.
const QUEUE_SPANS: usize = 8_192;

/// The collector, and the share of calls it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceOptions {
    /// The collector's URL for traces, with its path; `None`: there are no traces.
    pub url: Option<Url>,
    /// The collector's credentials: none, user and password, or a bearer token.
    pub auth: Auth,
    /// The share of calls, in millionths, from 0 (none) to 1,000,000 (all).
    pub share: u32,
    /// The service's name (`service.name`).
    pub service_name: String,
    /// The address of a trace, with `{trace_id}` in it.
    pub link: Option<String>,
}

/// What stands for a trace's id in [`TraceOptions::link`].
pub(crate) const TRACE_ID: &str = "{trace_id}";

/// Returns the address of a call's trace; `None` if its spans are not sent, or no address is known.
pub(crate) fn link(options: &TraceOptions, call_uuid: &str) -> Option<String> {
    options.url.as_ref()?;
    let trace = Trace::of(call_uuid, options.share);
    let link = options.link.as_ref().filter(|_| trace.is_sampled())?;
    Some(link.replace(TRACE_ID, &trace.to_string()))
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            url: None,
            auth: Auth::None,
            share: ALL_CALLS,
            service_name: "switchhook".into(),
            link: None,
        }
    }
}

/// How spans are made, besides [`TraceOptions`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanOptions {
    /// How numbers are shown.
    pub mask: Mask,
    /// Each call's end is known and yields the call's own span, which is the parent of the others.
    pub(crate) has_calls: bool,
}

/// The exporter could not be created.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for the collector cannot start: {0}; check the system's CA certificates")]
pub struct ExporterError(String);

/// The current traces, if any; a reload replaces them. Clones share the handle.
#[derive(Debug, Clone, Default)]
pub struct TracesHandle(Arc<ArcSwapOption<Traces>>);

impl TracesHandle {
    /// Returns the current traces. A caller that keeps them until a piece of work ends reports to
    /// the collector that was configured when it began; that collector is used for as long as
    /// anybody keeps it.
    #[must_use]
    pub fn current(&self) -> Option<Traces> {
        self.0.load().as_deref().cloned()
    }

    /// Sends spans that end from now on to `traces`.
    pub fn replace(&self, traces: Option<Traces>) {
        self.0.store(traces.map(Arc::new));
    }
}

/// Accepts spans without waiting. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Traces {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    share: u32,
    span_options: SpanOptions,
    queue: mpsc::Sender<Span>,
    health: watch::Receiver<Health>,
}

impl Traces {
    /// Returns the queue for spans and the exporter that empties it; `None` without a collector.
    ///
    /// # Errors
    /// Returns an error when the HTTP client cannot be created.
    pub fn new(
        options: &TraceOptions,
        span_options: SpanOptions,
    ) -> Result<Option<(Self, Exporter)>, ExporterError> {
        let Some(url) = options.url.clone() else {
            return Ok(None);
        };
        let (queue, waiting) = mpsc::channel(QUEUE_SPANS);
        let exporter = Exporter::new(url, options, waiting)?;
        let shared = Arc::new(Shared {
            share: options.share,
            span_options,
            queue,
            health: exporter.health(),
        });
        Ok(Some((Self { shared }, exporter)))
    }

    /// Returns the trace of the call with this Unique-ID: always the same.
    #[must_use]
    pub fn of(&self, call_uuid: &str) -> Trace {
        Trace::of(call_uuid, self.shared.share)
    }

    /// Returns the span that is the parent of the call's other spans.
    #[must_use]
    pub fn root(&self, trace: Trace) -> Option<SpanId> {
        self.shared.span_options.has_calls.then(|| trace.root())
    }

    /// Reports whether the collector accepts spans.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.clone()
    }

    /// Returns how numbers are shown.
    #[must_use]
    pub fn mask(&self) -> Mask {
        self.shared.span_options.mask
    }

    /// Queues a span that has ended, if its call is within the share.
    pub fn send(&self, span: Span) {
        if !span.trace().is_sampled() {
            return;
        }
        if self.shared.queue.try_send(span).is_err() {
            counter!(metric_names::SPANS, "outcome" => "dropped").increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_queue_has_no_room_for_is_dropped_and_counted() {
        let url = Some("http://127.0.0.1:9/v1/traces".parse().unwrap());
        let options = TraceOptions {
            url,
            ..TraceOptions::default()
        };
        let (traces, _exporter) = Traces::new(&options, SpanOptions::default())
            .unwrap()
            .unwrap();
        let recorder = switchhook_core::metrics_recorder::MetricsRecorder::default();
        metrics::with_local_recorder(&recorder, || {
            for _ in 0..QUEUE_SPANS + 7 {
                let trace = traces.of("9d34878d-01a0-45ba-b5d6-6b097ae17611");
                traces.send(Span::new(trace, SpanId::random(), SpanKind::Internal, "x"));
            }
        });
        let dropped = "switchhook_spans_total{outcome=\"dropped\"} 7\n";
        let page = recorder.render();
        assert!(page.contains(dropped), "{page}");
    }
}
