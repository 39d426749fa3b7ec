//! The exporters that send spans to the trace collector, from the start to the end of the service.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::traces::{self, Exporter, ExporterError, SpanOptions, TraceOptions, Traces};
use switchhook_core::mask::Mask;

/// The handle that components send spans to, and the tasks that export them.
pub(super) struct TraceExport {
    /// Empty while there is no collector.
    pub(super) handle: traces::TracesHandle,
    manner: SpanOptions,
    options: Mutex<TraceOptions>,
    /// The present exporter, and earlier ones that still have spans to send.
    exporters: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
}

/// A changed trace configuration, with its exporter if it names a collector.
pub(super) struct NewCollector {
    options: TraceOptions,
    exporter: Option<(Traces, Exporter)>,
}

impl TraceExport {
    /// Starts the exporter that the configuration asks for.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub(super) fn start(config: &Config) -> Result<Self, ExporterError> {
        let export = Self {
            handle: traces::TracesHandle::default(),
            manner: SpanOptions {
                mask: Mask(config.account.mask_numbers),
                has_calls: !config.freeswitch.is_empty(),
            },
            options: Mutex::default(),
            exporters: Mutex::default(),
            stop: CancellationToken::new(),
        };
        let collector = export.prepare(config)?;
        export.replace(collector);
        Ok(export)
    }

    /// Makes the exporter of another configuration; `None` if nothing changes.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub(super) fn prepare(&self, config: &Config) -> Result<Option<NewCollector>, ExporterError> {
        if *locked(&self.options) == config.traces {
            return Ok(None);
        }
        Ok(Some(NewCollector {
            options: config.traces.clone(),
            exporter: Traces::new(&config.traces, self.manner)?,
        }))
    }

    /// Switches to another collector. A span that has begun goes to the collector that was there
    /// then; the earlier exporter ends when its queue is empty.
    pub(super) fn replace(&self, collector: Option<NewCollector>) {
        let Some(NewCollector { options, exporter }) = collector else {
            return;
        };
        let (traces, exporter) = exporter.unzip();
        let mut exporters = locked(&self.exporters);
        exporters.retain(|exporter| !exporter.is_finished());
        exporters.extend(exporter.map(|exporter| tokio::spawn(exporter.run(self.stop.clone()))));
        self.handle.replace(traces);
        *locked(&self.options) = options;
    }

    /// Sends what is left, then stops.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        let exporters = std::mem::take(&mut *locked(&self.exporters));
        for exporter in exporters {
            super::log_failed_task("traces", exporter.await);
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
