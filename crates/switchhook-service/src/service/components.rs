//! The background tasks of the service, each started as the configuration says.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::call_control::CallControl;
use crate::call_control::park::ParkListener;
use crate::config::{Config, Diagnostics};
use crate::documents::DocumentBuilder;
use crate::follow::{CallVerifier, FinishCall, Follower, Password, SharedLegs};
use crate::outbox::{Endpoints, Outbox};
use crate::recordings::PublishEngine;
use switchhook_admin::cdr_receiver::ReceiveCdr;
use switchhook_admin::endpoint_status::EndpointStatuses;
use switchhook_admin::http::CdrEndpoint;
use switchhook_store::Store;

use super::cdr_receiver::PostedCdrs;
use super::delivery::WebhookSender;
use super::{Health, options};

/// The running deliveries, with their settings and health.
pub(super) struct Deliveries {
    pub(super) endpoints: watch::Sender<Endpoints>,
    pub(super) health: Health,
    pub(super) statuses: Arc<EndpointStatuses>,
    pub(super) task: JoinHandle<()>,
}

/// Starts delivering what waits in the store.
///
/// # Errors
/// A signing secret that is invalid.
pub(super) fn start_deliveries(
    config: &Config,
    store: &Store,
    webhooks: &Arc<WebhookSender>,
    stop: &CancellationToken,
) -> Result<Deliveries, Diagnostics> {
    let (endpoints, watched) = watch::channel(options::endpoints(config)?);
    let webhooks = Arc::clone(webhooks);
    let outbox = Outbox::new(store.clone(), watched, webhooks, options::outbox(config));
    Ok(Deliveries {
        endpoints,
        health: outbox.health(),
        statuses: outbox.statuses(),
        task: tokio::spawn(outbox.run(stop.clone())),
    })
}

/// How often counts are added to the store.
const COUNTS_EVERY: Duration = Duration::from_secs(2);

/// Starts adding to the store what ended.
pub(super) fn start_counts(store: &Store, stop: &CancellationToken) -> JoinHandle<()> {
    tokio::spawn(store_counts(store.clone(), stop.clone()))
}

/// Adds to the store what ended, every two seconds: however many calls end, it is one write. What
/// ended since the last one is lost if the process is killed.
async fn store_counts(store: Store, stop: CancellationToken) {
    // The store takes the last ones itself when it closes.
    while tokio::time::timeout(COUNTS_EVERY, stop.cancelled())
        .await
        .is_err()
    {
        if let Err(error) = store.flush_stats().await {
            // The store reports its errors itself.
            tracing::debug!(%error, "counts wait for the store");
        }
    }
}

/// The task that publishes recordings of finished calls.
pub(super) struct RecordingPublisher {
    is_configured: bool,
    health: Health,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Starts publishing recordings. Runs without a configuration too, for calls that wait since an
/// earlier one.
pub(super) fn start_publishing(
    config: &Config,
    store: &Store,
    documents: &Arc<DocumentBuilder>,
) -> RecordingPublisher {
    let engine = PublishEngine::new(store.clone(), Arc::clone(documents));
    let (health, stop) = (engine.health(), CancellationToken::new());
    RecordingPublisher {
        is_configured: config.recordings.upload.is_some(),
        health,
        task: tokio::spawn(engine.run(stop.clone())),
        stop,
    }
}

impl RecordingPublisher {
    /// Returns the health of the upload target, if there is one.
    pub(super) fn health(&self) -> Option<(String, Health)> {
        self.is_configured
            .then(|| ("recordings".into(), self.health.clone()))
    }

    /// Stops, and releases the calls it has claimed.
    pub(super) async fn stop(self) -> Result<(), tokio::task::JoinError> {
        self.stop.cancel();
        self.task.await
    }
}

/// The followers of all switches, with what other components take from them.
#[derive(Default)]
pub(super) struct Followers {
    pub(super) tasks: Vec<JoinHandle<()>>,
    pub(super) health: Vec<(String, Health)>,
    pub(super) verifier: CallVerifier,
    /// By the switch's address.
    pub(super) passwords: Vec<(String, Password)>,
    pub(super) posted_cdrs: PostedCdrs,
}

/// Starts a follower for each switch.
pub(super) fn start_followers(
    config: &Config,
    store: &Store,
    documents: &Arc<DocumentBuilder>,
    stop: &CancellationToken,
) -> Followers {
    let mut all = Followers::default();
    let shared = Arc::new(SharedLegs::default());
    for (switch, options) in config.freeswitch.iter().zip(options::followers(config)) {
        let address = options.address.clone();
        let has_cdr_folder = options.cdrs.is_some();
        let documents = Arc::clone(documents) as Arc<dyn FinishCall>;
        let follower = Follower::new(options, store.clone(), documents).sharing(&shared);
        let health = &mut all.health;
        health.push((format!("switch {address}"), follower.health()));
        if has_cdr_folder {
            health.push((format!("json_cdr {address}"), follower.cdrs_health()));
        }
        all.posted_cdrs.add(switch, follower.cdr_inbox());
        all.verifier.merge(follower.verifier());
        all.passwords.push((address, follower.password()));
        all.tasks.push(tokio::spawn(follower.run(stop.clone())));
    }
    all
}

impl Followers {
    /// Returns the verifier of calls; `None` without a switch, or if the configuration turns
    /// it off.
    pub(super) fn call_verifier(&self, config: &Config) -> Option<CallVerifier> {
        let is_wanted = config.listen.confirm_calls && !self.verifier.is_empty();
        is_wanted.then(|| self.verifier.clone())
    }
}

/// Returns the HTTP endpoint that switches post their CDRs to.
pub(super) fn cdr_posts(config: &Config, posted_cdrs: &Arc<PostedCdrs>) -> CdrEndpoint {
    let may_post = !posted_cdrs.is_empty();
    CdrEndpoint {
        records: may_post.then(|| Arc::clone(posted_cdrs) as Arc<dyn ReceiveCdr>),
        bytes: config.limits.frame_body_bytes,
    }
}

/// Starts taking calls, from the socket port and from parking. Returns the task, which ends when the
/// last call has left after `stop`, and the health of each park listener.
pub(super) fn start_calls(
    config: &Config,
    call_control: &Arc<CallControl>,
    listener: TcpListener,
    passwords: &[(String, Password)],
    stop: &CancellationToken,
) -> (JoinHandle<()>, Vec<(String, Health)>) {
    let (park_listeners, health) = park_listeners(config, call_control, passwords);
    let calls = take_calls(
        Arc::clone(call_control),
        listener,
        park_listeners,
        stop.clone(),
    );
    (tokio::spawn(calls), health)
}

/// Returns a listener for each switch that parks calls for this service, and their health.
fn park_listeners(
    config: &Config,
    call_control: &Arc<CallControl>,
    passwords: &[(String, Password)],
) -> (Vec<ParkListener>, Vec<(String, Health)>) {
    let listeners = options::park(config, passwords).into_iter().map(|options| {
        let name = format!("parked calls of {}", options.address);
        let listener = ParkListener::new(Arc::clone(call_control), options);
        let health = listener.health();
        (listener, (name, health))
    });
    listeners.unzip()
}

async fn take_calls(
    call_control: Arc<CallControl>,
    listener: TcpListener,
    park_listeners: Vec<ParkListener>,
    stop: CancellationToken,
) {
    let parked = park_listeners
        .into_iter()
        .map(|listener| listener.run(stop.clone()));
    tokio::join!(
        call_control.serve(listener, stop.clone()),
        futures_util::future::join_all(parked)
    );
}
