//! Measures the memory of a waiting call.
//!
//! Each measurement uses a fresh process, many calls, and a webhook that does not answer until all
//! of them wait.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::child::{Child, ChildProcesses};
use super::rounds::load_options;
use super::{Handler, TableError, TableOptions, say};
use crate::load::secure::Identity;
use crate::load::webhook::Webhook;
use crate::load::{Load, LoadError, LoadOptions, LoadReport, Usage};

/// Calls per second while the waiting calls arrive.
const RATE: f64 = 1250.0;
/// Share of a turn that remains for the memory samples after the last call waits.
const LOOK: f64 = 0.4;
/// Number and rate of the calls before the measurement. They keep code and tables that are used
/// once out of the calls' figures.
const WARM_UP: (u64, f64) = (20, 100.0);

/// Memory of one waiting call in KiB, measured in the handler's process.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// The null handler with canned HTTP.
    pub(super) null: Option<f64>,
    /// The null handler with the service's HTTP client.
    pub(super) client: Option<f64>,
    /// The service over HTTP/1.1.
    pub(super) service: Option<f64>,
    /// The service over HTTP/2 with TLS.
    pub(super) http2: Option<f64>,
    /// Kernel memory of TCP buffers for each call of the service over HTTP/1.1, including the
    /// switch's and the webhook's ends.
    pub(super) kernel: Option<f64>,
    pub(super) calls: u64,
    pub(super) problems: Vec<String>,
}

pub(super) async fn measure(
    options: &TableOptions,
    nursery: &ChildProcesses<'_>,
    webhook: &Arc<Webhook>,
) -> Result<Memory, TableError> {
    let mut memory = Memory {
        calls: options.waiting,
        ..Memory::default()
    };
    let url = format!("http://{}", webhook.address());
    for (name, with_client) in [("null", false), ("null with the client", true)] {
        let child = nursery.null(webhook.address(), with_client).await?;
        let taken = memory.take(options, name, child, webhook).await?;
        let each = taken.and_then(|usage| usage.kib_per_call);
        if with_client {
            memory.client = each
        } else {
            memory.null = each
        }
    }
    let child = nursery.service(&url, None).await?;
    let taken = memory.take(options, "switchhook", child, webhook).await?;
    memory.service = taken.and_then(|usage| usage.kib_per_call);
    memory.kernel = taken.and_then(|usage| usage.kernel_kib_per_call);
    memory.http2 = memory.over_http2(options, nursery).await?;
    Ok(memory)
}

impl Memory {
    async fn over_http2(
        &mut self,
        options: &TableOptions,
        nursery: &ChildProcesses<'_>,
    ) -> Result<Option<f64>, TableError> {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let at_webhook = |source| LoadError::Webhook {
            address: any,
            source,
        };
        let identity = Identity::new().map_err(at_webhook)?;
        let trusted = options.folder.join("webhook.pem");
        fs::write(&trusted, &identity.pem).map_err(|source| TableError::Child { source })?;
        let webhook = Arc::new(
            Webhook::start(any, Some(identity))
                .await
                .map_err(at_webhook)?,
        );
        let url = format!("https://{}", webhook.address());
        let child = nursery.service(&url, Some(&trusted)).await?;
        let taken = self
            .take(options, "switchhook over HTTP/2", child, &webhook)
            .await?;
        Ok(taken.and_then(|usage| usage.kib_per_call))
    }

    /// Lets calls wait at `child`, measures its memory and ends it.
    async fn take(
        &mut self,
        options: &TableOptions,
        name: &str,
        child: Child,
        webhook: &Arc<Webhook>,
    ) -> Result<Option<Usage>, TableError> {
        let calls = options.waiting;
        say(
            options,
            &format!("memory of {calls} calls that wait at {name}"),
        );
        let handler = Handler::child(name, &child);
        wait(&handler, webhook, WARM_UP, Duration::ZERO).await?;
        let look = options.turn.mul_f64(LOOK);
        let report = wait(&handler, webhook, (calls, RATE), look).await?;
        self.problems.extend(report.problems);
        Ok(report.process)
    }
}

async fn wait(
    handler: &Handler,
    webhook: &Arc<Webhook>,
    (calls, rate): (u64, f64),
    look: Duration,
) -> Result<LoadReport, TableError> {
    let options = LoadOptions {
        calls,
        rate,
        delay: Duration::from_secs_f64(calls as f64 / rate) + look,
        ..load_options(handler)
    };
    let load = Load::with_webhook(options, Some(Arc::clone(webhook)))?;
    Ok(load.run().await)
}
