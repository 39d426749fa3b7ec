//! What an operator would ask before the first call: whether the switches, the webhooks
//! and the store are as the configuration has them, and what to do where they are not.
//!
//! ```text
//! switch::ask   -> Answers -> switch::judge  -> findings     over port 8021
//! webhook::ask  -> Seen    -> webhook::judge -> findings     as far as TLS; a request only when allowed
//! ```
//!
//! Asking has deadlines and changes nothing: the switch gets API commands that read, a
//! webhook no request, unless [`DoctorOptions::ask`]; a target of uploads an object that is deleted
//! again. Judging is a pure function of the answers.

mod dialplan;
mod finding;
mod net;
mod recordings;
mod server;
mod service;
mod store;
mod switch;
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

/// Switches, and webhooks, that are asked at once.
const AT_ONCE: usize = 16;

/// What is to be looked at.
pub struct DoctorOptions {
    /// The switches.
    pub switches: Vec<Switch>,
    /// The webhooks and the client that asks them.
    pub widgets: WebhookTasks,
    /// What the answers are compared with.
    pub plan: Plan,
    /// Where the service tells its health.
    pub http: SocketAddr,
    /// The recordings that are published.
    pub recordings: Option<Recordings>,
    /// The store, to be opened beside a service.
    pub store: switchhook_store::StoreOptions,
    /// Send each webhook a HEAD request.
    pub ask: bool,
    /// For one switch, or one webhook.
    pub deadline: Duration,
}

/// One switch.
#[derive(Debug, Clone)]
pub struct Switch {
    /// Host and port of its Event Socket.
    pub address: String,
    /// Its password.
    pub password: Secret,
    /// Limits on what it sends.
    pub frames: Limits,
    /// Under what name its parked calls are given to us.
    pub park_service: Option<String>,
    /// Where its CDRs are read.
    pub json_cdr_dir: Option<PathBuf>,
    /// They may be posted.
    pub json_cdr_post: bool,
}

/// What the configuration says, as far as a switch is to fit it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the `socket` application is to connect to.
    pub listen: SocketAddr,
    /// Calls that may wait at once.
    pub calls_on_hold: usize,
    /// A flow posts the document of its calls.
    pub posts: bool,
    /// By name.
    pub webhooks: BTreeMap<String, Hooked>,
    /// The webhooks that routes name, for calls that are handed over without one.
    pub routed: BTreeSet<String>,
    /// The contexts that routes name in full.
    pub contexts: BTreeSet<String>,
    /// The variables that answers are written to, by full name, with what they are made
    /// of; [`ValueKind::Text`] where one webhook of several writes text.
    pub values: BTreeMap<String, ValueKind>,
    /// The recordings that are published, as far as the switch is to know them.
    pub recordings: Option<Recorded>,
}

/// A webhook as the dialplan meets it.
#[derive(Debug, Clone)]
pub struct Hooked {
    /// The longest that a caller waits for it.
    pub timeout: Duration,
    /// What the caller hears meanwhile.
    pub music: HoldMusic,
    /// Its URL's host or port is a template's value: only a call says where it is.
    pub is_elsewhere: bool,
}

/// A folder of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What the switch calls it.
    pub switch_folder: PathBuf,
    /// The name of a file that is in it for us.
    pub sample: Option<String>,
}

impl Recorded {
    /// That of recordings that are published.
    #[must_use]
    pub fn of(recordings: &Recordings) -> Self {
        Self {
            switch_folder: recordings.folder.switch.clone(),
            sample: recordings.sample(),
        }
    }
}

/// Looks at everything at once; ends within the deadline and a little.
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
    DoctorReport::new([switches, webhooks, recordings, store, service].concat())
}

async fn switches(options: &DoctorOptions) -> Vec<finding::Finding> {
    if options.switches.is_empty() {
        return switch::none(options.plan.posts);
    }
    let examined = stream::iter(&options.switches)
        .map(|switch| switch::examine(switch, &options.plan, options.deadline))
        .buffered(AT_ONCE);
    examined.collect::<Vec<_>>().await.concat()
}

async fn webhooks(options: &DoctorOptions) -> Vec<finding::Finding> {
    let mut names: Vec<_> = options.widgets.by_name.iter().collect();
    names.sort_by_key(|(name, _)| *name);
    let client = &options.widgets.client;
    let examined = stream::iter(names)
        .map(|(name, widget)| {
            let widget = Arc::clone(widget);
            let hooked = options.plan.webhooks.get(name);
            let is_elsewhere = hooked.is_some_and(|hooked| hooked.is_elsewhere);
            async move {
                let seen = match widget.webhook().filter(|_| !is_elsewhere) {
                    None => webhook::Seen::default(),
                    Some(hook) => webhook::look(hook, client, options.deadline, options.ask).await,
                };
                webhook::judge(name, widget.timeout(), &seen)
            }
        })
        .buffered(AT_ONCE);
    examined.collect::<Vec<_>>().await.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a configuration without webhooks says.
    pub(super) fn plan() -> Plan {
        Plan {
            listen: SocketAddr::from(([127, 0, 0, 1], 8084)),
            calls_on_hold: 10_000,
            posts: false,
            webhooks: BTreeMap::new(),
            routed: BTreeSet::new(),
            contexts: BTreeSet::new(),
            values: BTreeMap::new(),
            recordings: None,
        }
    }
}
