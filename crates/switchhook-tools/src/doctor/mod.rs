//! Checks switches, webhooks, recordings, store, service and time zones against the configuration, and names
//! the cure for each fault.
//!
//! ```text
//! switch::run_queries -> Answers     -> switch::judge  -> findings   over port 8021
//! webhook::probe      -> ProbeResult -> webhook::judge -> findings   up to TLS; a request only if allowed
//! ```
//!
//! Probing has deadlines and changes nothing. A switch gets API commands that read. A webhook gets no
//! request unless [`DoctorOptions::send_head`] is set. An upload target gets one object, which is
//! deleted again, and the store's folder a file without a name. Judging is a pure function of the answers.

mod answers;
mod dialplan;
mod finding;
mod net;
mod postgres;
mod recordings;
mod service;
mod store;
mod switch;
mod time_zones;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join5;
use futures_util::stream;

use eslclient::Limits;
use switchhook_core::secret::Secret;
use switchhook_service::call_control::{HoldMusic, WebhookTasks};
use switchhook_webhook::options::ValueKind;

pub use finding::{DoctorReport, Finding, Level};
pub use recordings::Recordings;

/// Switches that are checked at once; the same number of webhooks.
const CONCURRENT_CHECKS: usize = 16;

/// What `doctor` checks.
pub struct DoctorOptions {
    /// The switches to check.
    pub switches: Vec<Switch>,
    /// The webhooks to check, with their HTTP client.
    pub tasks: WebhookTasks,
    /// What the switches' answers are compared with.
    pub expected: ExpectedSetup,
    /// The service's `listen.http`, for its health and metrics.
    pub http: SocketAddr,
    /// The published recordings; `None` if none are published.
    pub recordings: Option<Recordings>,
    /// How to open the store beside a running service.
    pub store: switchhook_store::StoreOptions,
    /// What strangers can reach or read, as the configuration is written: each with its cure.
    pub exposed: Vec<(String, String)>,
    /// Whether each webhook gets a HEAD request.
    pub send_head: bool,
    /// The time limit of each step at one switch or webhook.
    pub deadline: Duration,
}

/// One switch to check.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Host and port of its Event Socket.
    pub address: String,
    /// Password of its Event Socket.
    pub password: Secret,
    /// Limits on the frames that it sends.
    pub frames: Limits,
    /// The service name in `flow.service` of the parked calls that we take.
    pub park_service: Option<String>,
    /// The folder where its CDR files are read.
    pub json_cdr_dir: Option<PathBuf>,
    /// Whether the service accepts its CDRs over HTTP.
    pub json_cdr_post: bool,
}

/// The part of the configuration that a switch must fit.
#[derive(Debug, Clone)]
pub struct ExpectedSetup {
    /// The address that the `socket` application must connect to.
    pub listen: SocketAddr,
    /// The most calls on hold at once.
    pub calls_on_hold: usize,
    /// Whether some flow posts documents of its calls.
    pub posts: bool,
    /// The configured flows by name.
    pub flows: BTreeSet<String>,
    /// The configured webhooks by name.
    pub webhooks: BTreeMap<String, ExpectedWebhook>,
    /// The webhooks that `[[routes]]` name, for calls that name none.
    pub routed: BTreeSet<String>,
    /// The contexts that `[[routes]]` name in full.
    pub contexts: BTreeSet<String>,
    /// The variables that answers are written to, by full name, and the kind of their values.
    /// It is [`ValueKind::Text`] if any webhook writes text to the variable.
    pub values: BTreeMap<String, ValueKind>,
    /// The published recordings as the switch must see them.
    pub recordings: Option<ExpectedRecordings>,
}

/// A webhook as the dialplan must fit it.
#[derive(Debug, Clone)]
pub struct ExpectedWebhook {
    /// The longest time that a caller waits for it.
    pub timeout: Duration,
    /// What the caller hears on hold.
    pub music: HoldMusic,
    /// Whether the URL's host or port comes from a template, so that only a call knows the address.
    pub has_templated_host: bool,
}

/// A published folder of recordings as the switch must see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRecordings {
    /// The folder's path on the switch.
    pub switch_folder: PathBuf,
    /// The name of a file that this machine sees in the folder.
    pub sample: Option<String>,
}

impl ExpectedRecordings {
    /// Returns what the switch must see of published recordings.
    #[must_use]
    pub fn of(recordings: &Recordings) -> Self {
        Self {
            switch_folder: recordings.folder.on_switch.clone(),
            sample: recordings.sample(),
        }
    }
}

/// Checks everything at the same time and returns the findings. Each step has the deadline as its limit.
pub async fn examine(options: &DoctorOptions) -> DoctorReport {
    let recordings = async {
        match &options.recordings {
            Some(recordings) => recordings::examine(recordings, options.deadline).await,
            None => Vec::new(),
        }
    };
    let (switches, webhooks, recordings, store, service) = join5(
        switches(options),
        webhooks(options),
        recordings,
        store::examine(&options.store),
        service::examine(options.http, options.deadline),
    )
    .await;
    let zones = time_zones::examine();
    let exposed = exposed(&options.exposed);
    DoctorReport::new(
        [
            switches, webhooks, recordings, store, service, zones, exposed,
        ]
        .concat(),
    )
}

fn exposed(warnings: &[(String, String)]) -> Vec<finding::Finding> {
    let mut findings = finding::Findings::about("configuration");
    for (what, cure) in warnings {
        findings.warn("exposure", what, cure);
    }
    findings.list()
}

async fn switches(options: &DoctorOptions) -> Vec<finding::Finding> {
    if options.switches.is_empty() {
        return switch::no_switches(options.expected.posts);
    }
    let examined = stream::iter(&options.switches)
        .map(|switch| switch::examine(switch, &options.expected, options.deadline))
        .buffered(CONCURRENT_CHECKS);
    examined.collect::<Vec<_>>().await.concat()
}

async fn webhooks(options: &DoctorOptions) -> Vec<finding::Finding> {
    let mut names: Vec<_> = options.tasks.by_name.iter().collect();
    names.sort_by_key(|(name, _)| *name);
    let client = &options.tasks.client;
    let examined = stream::iter(names)
        .map(|(name, task)| {
            let task = Arc::clone(task);
            let webhook_setup = options.expected.webhooks.get(name);
            let has_templated_host =
                webhook_setup.is_some_and(|webhook_setup| webhook_setup.has_templated_host);
            async move {
                let Some(hook) = task.webhook() else {
                    return webhook::judge(name, task.timeout(), &webhook::ProbeResult::default());
                };
                let first = hook.sample_url().filter(|_| !has_templated_host);
                let further = hook.sample_fallback_urls().map(Some);
                let mut found = Vec::new();
                for url in std::iter::once(first).chain(further) {
                    let within = options.deadline;
                    let probed = webhook::probe((hook, url), client, within, options.send_head);
                    found.extend(webhook::judge(name, task.timeout(), &probed.await));
                }
                found
            }
        })
        .buffered(CONCURRENT_CHECKS);
    examined.collect::<Vec<_>>().await.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the expectations of a configuration without webhooks.
    pub(super) fn expected() -> ExpectedSetup {
        ExpectedSetup {
            listen: SocketAddr::from(([127, 0, 0, 1], 8084)),
            calls_on_hold: 10_000,
            posts: false,
            flows: BTreeSet::new(),
            webhooks: BTreeMap::new(),
            routed: BTreeSet::new(),
            contexts: BTreeSet::new(),
            values: BTreeMap::new(),
            recordings: None,
        }
    }
}
