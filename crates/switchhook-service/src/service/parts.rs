//! The parts that run beside the pages, each started as the configuration says.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::call_control::CallControl;
use crate::call_control::park::Parking;
use crate::config::{Config, Diagnostics};
use crate::follow::{CallQuery, FinishCall, Follower, Password};
use crate::outbox::{Endpoints, Outbox};
use crate::recordings::{DocumentMaker, Engine};
use switchhook_admin::http::Posts;
use switchhook_store::Store;

use super::cdr_receiver::CdrPosts;
use super::document_builder::DocumentBuilder;
use super::persistence::WebhookSender;
use super::{Health, build};

/// The deliveries, and what is to be had from them.
pub(super) struct Delivering {
    pub(super) endpoints: watch::Sender<Endpoints>,
    pub(super) health: Health,
    pub(super) task: JoinHandle<()>,
}

/// Starts them.
pub(super) fn deliver(
    config: &Config,
    store: &Store,
    webhooks: &Arc<WebhookSender>,
    stop: &CancellationToken,
) -> Result<Delivering, Diagnostics> {
    let (endpoints, watched) = watch::channel(build::endpoints(config)?);
    let webhooks = Arc::clone(webhooks);
    let outbox = Outbox::new(
        store.clone(),
        watched,
        webhooks,
        build::outbox_options(config),
    );
    Ok(Delivering {
        endpoints,
        health: outbox.health(),
        task: tokio::spawn(outbox.run(stop.clone())),
    })
}

/// The recordings of calls that are over, seen to.
pub(super) struct Publishing {
    is_wanted: bool,
    health: Health,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Starts to: also without a configuration for it, for what an earlier one left.
pub(super) fn publish(
    config: &Config,
    store: &Store,
    documents: &Arc<DocumentBuilder>,
) -> Publishing {
    let making = Arc::clone(documents) as Arc<dyn DocumentMaker>;
    let engine = Engine::new(store.clone(), making);
    let (health, stop) = (engine.health(), CancellationToken::new());
    Publishing {
        is_wanted: config.recordings.upload.is_some(),
        health,
        task: tokio::spawn(engine.run(stop.clone())),
        stop,
    }
}

impl Publishing {
    /// Whether the target takes what is uploaded, where there is one.
    pub(super) fn health(&self) -> Option<(String, Health)> {
        self.is_wanted
            .then(|| ("recordings".into(), self.health.clone()))
    }

    /// What is being seen to is given back.
    pub(super) async fn stop(self) -> Result<(), tokio::task::JoinError> {
        self.stop.cancel();
        self.task.await
    }
}

/// The followers, and what is to be had from each.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) followers: Vec<JoinHandle<()>>,
    pub(super) switches: Vec<(String, Health)>,
    pub(super) askers: Vec<CallQuery>,
    /// By the switch's address.
    pub(super) passwords: Vec<(String, Password)>,
    pub(super) records: CdrPosts,
}

/// Starts a follower for each switch.
pub(super) fn follow(
    config: &Config,
    store: &Store,
    documents: &Arc<DocumentBuilder>,
    stop: &CancellationToken,
) -> Followed {
    let mut all = Followed::default();
    for (switch, options) in config.freeswitch.iter().zip(build::follow_options(config)) {
        let address = options.address.clone();
        let reads = options.cdrs.is_some();
        let closing = Arc::clone(documents) as Arc<dyn FinishCall>;
        let follower = Follower::new(options, store.clone(), closing);
        let health = &mut all.switches;
        health.push((format!("switch {address}"), follower.health()));
        if reads {
            health.push((format!("json_cdr {address}"), follower.cdrs_health()));
        }
        all.records.admit(switch, follower.inlet());
        all.askers.push(follower.asker());
        all.passwords.push((address, follower.password()));
        all.followers.push(tokio::spawn(follower.run(stop.clone())));
    }
    all
}

/// Where switches post their CDRs.
pub(super) fn posts(config: &Config, records: CdrPosts) -> Posts {
    Posts {
        records: Arc::new(records),
        bytes: config.limits.frame_body_bytes,
    }
}

/// Who takes the parked calls of the switches that give us some, and how each is.
pub(super) fn park(
    config: &Config,
    call_control: &Arc<CallControl>,
) -> (Vec<Parking>, Vec<(String, Health)>) {
    let parking = build::park_options(config).into_iter().map(|options| {
        let name = format!("parked calls of {}", options.address);
        let parking = Parking::new(Arc::clone(call_control), options);
        let health = parking.health();
        (parking, (name, health))
    });
    parking.unzip()
}

/// Both ways in which calls come, until `stop` and the end of the last.
pub(super) async fn take_calls(
    call_control: Arc<CallControl>,
    listener: TcpListener,
    parking: Vec<Parking>,
    stop: CancellationToken,
) {
    let parking = parking.into_iter().map(|parking| parking.run(stop.clone()));
    tokio::join!(
        call_control.serve(listener, stop.clone()),
        futures_util::future::join_all(parking)
    );
}
