//! The running service: starts its components in one order and stops them in the reverse.
//!
//! ```text
//! start: store, outbox, followers, HTTP, the Event Socket port last
//! stop:  the Event Socket port first, the calls on hold, the followers, the recordings, the outbox, the store, HTTP last
//! ```

mod cdr_receiver;
mod check;
mod compile;
mod components;
mod config_summary;
mod configuration;
mod delivery;
mod delivery_span;
mod exposure;
mod fd_limit;
mod instance_id;
mod listeners;
mod metrics;
mod options;
mod page_cells;
mod persistence;
mod readiness;
mod recording_server;
mod reload;
mod restart;
mod start_error;
mod trace_export;
mod webhook_test;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::call_control::{Answerer, CallControl, CallControlOptions, WebhookTasks};
use crate::config::Config;
use crate::documents::DocumentBuilder;
use crate::follow::Password;
use crate::limits;
use crate::outbox::Endpoints;
use crate::traces::TracesHandle;
use crate::zoneinfo;
use switchhook_admin::access::Access;
use switchhook_admin::http;
use switchhook_admin::listener::HttpLimits;
use switchhook_admin::live_calls::LiveCalls;
use switchhook_admin::state::{self, AdminState};
use switchhook_core::mask::Mask;
use switchhook_store::{Role, Store, StoreError, StoreOptions};
use switchhook_webhook::breakers::Breakers;

pub use crate::documents::public_url::{recordings_folder, signed_links, target};
pub use check::check;
pub use compile::{compile, tenants};
pub use exposure::{grants, warnings as exposure_warnings};
pub use options::store_options;
pub use restart::needs_restart;
pub use start_error::StartError;

use cdr_receiver::PostedCdrs;
use components::RecordingPublisher;
use delivery::WebhookSender;
use fd_limit::Places;
use page_cells::PageCells;
use persistence::StorePersistence;
use recording_server::RecordingServer;
use trace_export::TraceExport;
use webhook_test::WebhookTests;

/// How long a slow reader of the HTTP pages may delay the end.
const PAGES_DEADLINE: Duration = Duration::from_secs(2);

/// Rust code that answers calls, by the name that the dialplan asks for.
pub type Answerers = BTreeMap<String, Arc<dyn Answerer>>;

type Health = watch::Receiver<switchhook_core::health::Health>;

/// A service that runs until [`Service::stop`].
pub struct Service {
    /// The address that FreeSWITCH's `socket` application connects to.
    pub esl: SocketAddr,
    /// The address of the operator's HTTP.
    pub http: SocketAddr,
    /// The address that recordings are served on, if they are.
    pub recordings: Option<SocketAddr>,
    recording_server: RecordingServer,
    call_control: Arc<CallControl>,
    webhooks: Arc<WebhookSender>,
    breakers: Arc<Breakers>,
    documents: Arc<DocumentBuilder>,
    answerers: Answerers,
    page: PageCells,
    endpoints: watch::Sender<Endpoints>,
    store: Store,
    drain_deadline: Duration,
    stop_calls: CancellationToken,
    stop_follow: CancellationToken,
    stop_outbox: CancellationToken,
    publisher: RecordingPublisher,
    stop_http: CancellationToken,
    calls: JoinHandle<()>,
    followers: Vec<JoinHandle<()>>,
    passwords: Vec<(String, Password)>,
    posted_cdrs: Arc<PostedCdrs>,
    deliveries: JoinHandle<()>,
    pages: JoinHandle<()>,
    trace_export: TraceExport,
    counts: JoinHandle<()>,
}

impl Service {
    /// Starts everything that `config` asks for. The service listens when this returns.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, Answerers::new()).await
    }

    /// Starts the service with `answerers` beside the configuration's webhooks. A reload keeps them.
    ///
    /// # Errors
    /// As [`Service::start`], and an answerer whose name or variables cannot be used.
    pub async fn start_with(config: &Config, answerers: Answerers) -> Result<Self, StartError> {
        let places = fd_limit::raise(&config.limits);
        zoneinfo::use_the_newer();
        let metrics = metrics::recorder()?;
        let tasks = compiled(config, &answerers)?;
        let live_calls = Arc::new(LiveCalls::new(config.limits.calls_remembered));
        let breakers = Breakers::of(options::breakers(config));
        let page = PageCells::of(config);
        let documents = DocumentBuilder::new(config, &tasks, Arc::clone(&live_calls))?;
        let http_listener = listeners::bind("[listen] http", config.listen.http).await?;
        let http_address = listeners::local_address(&http_listener, "[listen] http")?;
        let store = open_store(config, http_address).await?;
        let recording_server = RecordingServer::start(config, places.http).await?;
        // Last of the steps that can fail: from here on, every connection is served.
        let esl_listener = listeners::bind_calls("[listen] esl", config.listen.esl)?;

        let trace_export = TraceExport::start(config)?;
        let traces = &trace_export.handle;
        let documents = Arc::new(documents.traced(traces.clone()));
        let webhooks = WebhookSender::new(&tasks, Arc::clone(&breakers), traces.clone());
        let webhooks = Arc::new(webhooks);
        let [stop_outbox, stop_follow, stop_calls] = [(); 3].map(|()| CancellationToken::new());
        let deliveries = components::start_deliveries(config, &store, &webhooks, &stop_outbox)?;
        let publisher = components::start_publishing(config, &store, &documents);

        let mut followers = components::start_followers(config, &store, &documents, &stop_follow);
        let zones = tokio::spawn(zoneinfo::follow(stop_follow.clone()));
        followers.tasks.push(zones);

        let call_control = CallControl::new(
            call_control_options(config, &places, &live_calls, &breakers, traces, &store),
            tasks,
            Arc::new(StorePersistence::new(store.clone())),
        );
        let call_control = Arc::new(call_control.with_verifier(followers.call_verifier(config)));
        let esl = listeners::local_address(&esl_listener, "[listen] esl")?;
        let passwords = &followers.passwords;
        let (calls, parked_health) =
            components::start_calls(config, &call_control, esl_listener, passwords, &stop_calls);

        let others = followers.health.into_iter().chain(parked_health);
        let checks = readiness::checks(
            esl,
            &call_control,
            store.health(),
            deliveries.health,
            stop_calls.clone(),
            others.chain(publisher.health()).collect(),
            traces.clone(),
        );
        let stop_http = CancellationToken::new();
        let ops = AdminState {
            config_summaries: Arc::clone(&page.summaries),
            configuration: Arc::clone(&page.configuration),
            checks,
            metrics,
            live_calls,
            endpoint_statuses: deliveries.statuses,
            breakers: Arc::clone(&breakers),
            store: store.clone(),
            time_zone: config.account.time_zone,
            mask: Mask(config.account.mask_numbers),
            guard: Arc::clone(&page.guard),
            base: config.listen.http_base.as_str().into(),
            webhook_tester: WebhookTests::tester(&call_control),
            sse_permits: state::sse_permits(),
            stop: stop_http.clone(),
            access: Access::default(),
        };
        let posted_cdrs = Arc::new(followers.posted_cdrs);
        let posts = components::cdr_posts(config, &posted_cdrs);
        let limits = HttpLimits::new("http", places.http);
        let pages = tokio::spawn(http::serve(http_listener, ops, posts, limits));
        log_started(config, esl, http_address);
        Ok(Self {
            esl,
            http: http_address,
            recordings: recording_server.address(),
            recording_server,
            call_control,
            webhooks,
            breakers,
            documents,
            answerers,
            page,
            endpoints: deliveries.endpoints,
            counts: components::start_counts(&store, &stop_outbox),
            store,
            drain_deadline: config.limits.drain_deadline,
            stop_calls,
            stop_follow,
            stop_outbox,
            publisher,
            stop_http,
            calls,
            followers: followers.tasks,
            passwords: followers.passwords,
            posted_cdrs,
            deliveries: deliveries.task,
            pages,
            trace_export,
        })
    }

    /// Returns the number of calls on hold.
    #[must_use]
    pub fn on_hold(&self) -> usize {
        self.call_control.on_hold()
    }

    /// Stops the service. Calls on hold get their answers until the drain deadline and are then
    /// released to line 1; deliveries under way end; the store closes.
    pub async fn stop(self) {
        self.stop_calls.cancel();
        let mut calls = self.calls;
        if timeout(self.drain_deadline, &mut calls).await.is_err() {
            limits::record_hit("drain_deadline");
            warn!(
                calls = self.call_control.on_hold(),
                "the drain deadline passed; releasing the calls on hold to line 1 ([limits] drain_deadline)"
            );
            self.call_control.release_all();
            log_failed_task("calls", calls.await);
        }
        self.stop_follow.cancel();
        for follower in self.followers {
            log_failed_task("follower", follower.await);
        }
        log_failed_task("publishing", self.publisher.stop().await);
        self.stop_outbox.cancel();
        log_failed_task("deliveries", self.deliveries.await);
        self.trace_export.stop().await;
        log_failed_task("counts", self.counts.await);
        self.store.close().await;
        self.recording_server.stop().await;
        self.stop_http.cancel();
        let mut pages = self.pages;
        match timeout(PAGES_DEADLINE, &mut pages).await {
            Ok(served) => log_failed_task("pages", served),
            Err(_) => pages.abort(),
        }
        info!("stopped");
    }
}

/// Opens the store under the id of this instance.
async fn open_store(config: &Config, http_address: SocketAddr) -> Result<Store, StoreError> {
    Store::open(StoreOptions {
        instance_id: instance_id::of(http_address),
        ..store_options(config, Role::Serve)
    })
    .await
}

/// Compiles what asks webhooks, tells its warnings, and starts its metrics.
fn compiled(config: &Config, answerers: &Answerers) -> Result<WebhookTasks, StartError> {
    metrics::start_at_zero(config, answerers);
    let tasks = compile::compile_with(config, answerers)?;
    metrics::credentials(&tasks);
    check::log_warnings(config, &tasks);
    Ok(tasks)
}

/// Returns the options of the call control, with what it shares with other components.
fn call_control_options(
    config: &Config,
    places: &Places,
    live_calls: &Arc<LiveCalls>,
    breakers: &Arc<Breakers>,
    traces: &TracesHandle,
    store: &Store,
) -> CallControlOptions {
    CallControlOptions {
        calls_on_hold: places.calls_on_hold,
        connections: places.connections,
        traces: traces.clone(),
        live_calls: Arc::clone(live_calls),
        counter: store.counter().clone(),
        breakers: Arc::clone(breakers),
        ..options::call_control(config)
    }
}

/// Logs a task of the service that panicked or was aborted.
fn log_failed_task(task: &str, result: Result<(), tokio::task::JoinError>) {
    if let Err(error) = result {
        warn!(what = task, %error, "a task of the service failed");
    }
}

/// Says where the service is, and what it was given.
fn log_started(config: &Config, esl: SocketAddr, http: SocketAddr) {
    info!(
        %esl,
        %http,
        page = format!("http://{http}/"),
        webhooks = config.webhooks.len(),
        flows = config.flows.len(),
        switches = config.freeswitch.len(),
        "listening"
    );
}
