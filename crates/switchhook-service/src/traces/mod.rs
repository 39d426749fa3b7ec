//! Traces: what a call went through, as OpenTelemetry spans that are sent to a collector
//! (OTLP over HTTP).
//!
//! ```text
//! call ─┬─ widget ─── request          traceparent of the request to the webhook
//!       └─ delivery (each attempt)     traceparent of the delivered document
//! ```
//!
//! A leaf, as [`switchhook_core::metric_names`] is: `call_control` and `service` tell it what is over. The trace and
//! the span of the call itself are made from the call's Unique-ID, so that what happens hours
//! later, after a restart or in another instance, has its place without anything being kept.
//!
//! Without a collector in the configuration there are no [`Traces`], and nothing of this is
//! done. A collector that is away costs no call anything: spans wait in a bounded queue, and
//! what it has no room for is counted and forgotten.

mod exporter;
mod ids;
mod message;
mod span;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use metrics::counter;
use opentelemetry_proto::tonic::trace::v1 as proto;
use tokio::sync::{mpsc, watch};
use url::Url;

use switchhook_core::health::Health;
use switchhook_core::mask::Mask;
use switchhook_core::metric_names;
use switchhook_webhook::options::Auth;

pub use exporter::Exporter;
pub use ids::{SpanId, Trace};
pub use span::{Clock, Span, SpanKind};

/// The share that is every call.
pub(crate) const ALL: u32 = 1_000_000;
/// Spans that wait for the collector, about 1 KiB each; one more is dropped.
const WAITING: usize = 8_192;

/// Where spans go, and of which calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceOptions {
    /// The collector's address for traces, with its path; `None`: there are no traces.
    pub url: Option<Url>,
    /// What the collector wants to see: none, a user and password, or a bearer token.
    pub auth: Auth,
    /// The share of calls, in millionths: from 0 (none) to [`ALL`].
    pub share: u32,
    /// The service's name (`service.name`).
    pub service_name: String,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            url: None,
            auth: Auth::None,
            share: ALL,
            service_name: "switchhook".into(),
        }
    }
}

/// How spans are made, beside [`TraceOptions`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// How numbers are shown.
    pub mask: Mask,
    /// The end of each call is learnt, and with it comes its own span: the others are below it.
    pub(crate) has_calls: bool,
}

/// The traces could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the client of the collector cannot start: {0}; look at the system's certificates")]
pub struct CannotStart(String);

/// Where spans go now, if anywhere: a reload changes it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct TracesHandle(Arc<ArcSwapOption<Traces>>);

impl TracesHandle {
    /// As of now. Whoever keeps it until something is over tells the collector that was there when
    /// that began: it is sent to as long as anybody does.
    #[must_use]
    pub fn now(&self) -> Option<Traces> {
        self.0.load().as_deref().cloned()
    }

    /// Spans that are over from now on go there.
    pub fn replace(&self, traces: Option<Traces>) {
        self.0.store(traces.map(Arc::new));
    }
}

/// Takes spans, never waiting. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Traces {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    share: u32,
    manner: Manner,
    queue: mpsc::Sender<proto::Span>,
    health: watch::Receiver<Health>,
}

impl Traces {
    /// The place for spans, and who sends them on; `None` when there is no collector.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(
        options: &TraceOptions,
        manner: Manner,
    ) -> Result<Option<(Self, Exporter)>, CannotStart> {
        let Some(url) = options.url.clone() else {
            return Ok(None);
        };
        let (queue, waiting) = mpsc::channel(WAITING);
        let exporter = Exporter::new(url, options, waiting)?;
        let shared = Arc::new(Shared {
            share: options.share,
            manner,
            queue,
            health: exporter.health(),
        });
        Ok(Some((Self { shared }, exporter)))
    }

    /// The trace of the call with this Unique-ID: the same wherever and whenever it is asked for.
    #[must_use]
    pub fn of(&self, call_uuid: &str) -> Trace {
        Trace::of(call_uuid, self.shared.share)
    }

    /// The span that the call's others are below.
    #[must_use]
    pub fn root(&self, trace: Trace) -> Option<SpanId> {
        self.shared.manner.has_calls.then(|| trace.root())
    }

    /// Whether the collector takes spans.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.clone()
    }

    /// How numbers are shown.
    #[must_use]
    pub fn mask(&self) -> Mask {
        self.shared.manner.mask
    }

    /// A span that is over. Not of a call that is not among the share.
    pub fn send(&self, span: Span) {
        let Some(span) = span.told() else { return };
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
        let (traces, _exporter) = Traces::new(&options, Manner::default()).unwrap().unwrap();
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for _ in 0..WAITING + 7 {
                let trace = traces.of("9d34878d-01a0-45ba-b5d6-6b097ae17611");
                traces.send(Span::new(trace, SpanId::random(), SpanKind::Internal, "x"));
            }
        });
        let dropped = "switchhook_spans_total{outcome=\"dropped\"} 7\n";
        let page = recorder.handle().render();
        assert!(page.contains(dropped), "{page}");
    }
}
