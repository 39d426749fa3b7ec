//! The running program: its parts put together, started in one order and drained in
//! the other.
//!
//! ```text
//! start: store, outbox, HTTP, the Event Socket port last
//! stop:  the Event Socket port first, the calls on hold, the recordings, the outbox, the store, HTTP last
//! ```

mod build;
mod call_verifier;
mod cdr_receiver;
mod checks;
mod config_summary;
mod document_builder;
mod fd_limit;
mod instance_id;
mod parts;
mod persistence;
mod publishing;
mod raw;
mod recording_server;
mod recordings;
mod spans;
mod webhook_test;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::call_control::{self, Answerer, CallControl};
use crate::config::{Config, Diagnostic, Diagnostics};
use crate::follow::Password;
use crate::limits;
use crate::outbox::Endpoints;
use crate::traces;
use switchhook_admin::config_summary::ConfigSummaries;
use switchhook_admin::http::{self, Ops};
use switchhook_admin::live_calls::LiveCalls;
use switchhook_core::mask::Mask;
use switchhook_core::metric_names;
use switchhook_store::{self as store, Role, Store, StoreError};
use switchhook_webhook::breakers::Breakers;

pub use build::{compile, store_options, tenants};
use call_verifier::FollowedSwitches;
use checks::checks;
use document_builder::DocumentBuilder;
use parts::{Followed, Publishing, deliver, follow, park, posts, publish, take_calls};
use persistence::{StorePersistence, WebhookSender};
use recording_server::RecordingServer;
pub use recordings::{recordings_folder, target};
use spans::Tracing;
use webhook_test::WebhookTests;

/// Checks what the parts find in `config` besides its reading; what is worth a warning.
///
/// # Errors
/// Every fault that `serve` would refuse it for, each with its line.
pub fn check(config: &Config) -> Result<Vec<Diagnostic>, Diagnostics> {
    let built = compile(config)?;
    build::endpoints(config)?;
    DocumentBuilder::new(config, &built, Arc::default())?;
    let mut warnings = config.warnings.clone();
    warnings.extend(self::warnings(config, &built));
    warnings.sort_by_key(|warning| warning.line);
    Ok(warnings)
}

/// What is worth one besides what the file itself is warned of.
fn warnings(config: &Config, built: &build::Built) -> Vec<Diagnostic> {
    let absent = recordings::absent(config);
    let blocked = build::blocked(config, built).into_iter();
    blocked.chain(absent).collect()
}

fn log_warnings(config: &Config, built: &build::Built) {
    for warning in warnings(config, built) {
        warn!("{}", warning.in_file(config.origin(), ""));
    }
}

/// How long a slow reader of our pages may hold up the end.
const PAGES_DEADLINE: Duration = Duration::from_secs(2);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error("{0}")]
    Config(#[from] Diagnostics),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address} ({key}): {error}; is another switchhook running?")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The metrics.
    #[error("the metrics cannot start: {0}")]
    Metrics(String),
    /// The traces.
    #[error(transparent)]
    Traces(#[from] traces::CannotStart),
    /// Code that is to answer cannot.
    #[error(transparent)]
    Answerer(#[from] call_control::BadName),
    /// Two answer under one name.
    #[error("both Rust code and [webhooks.{0}] would answer; give one of them another name")]
    AnsweredTwice(String),
}

/// Rust code that answers calls, by the name that the dialplan asks for.
pub type Answerers = BTreeMap<String, Arc<dyn Answerer>>;

/// A service that runs until [`Service::stop`].
pub struct Service {
    /// Where FreeSWITCH's `socket` application connects to.
    pub esl: SocketAddr,
    /// Where the operator's HTTP is.
    pub http: SocketAddr,
    /// Where recordings are served, when they are.
    pub recordings: Option<SocketAddr>,
    lending: RecordingServer,
    call_control: Arc<CallControl>,
    webhooks: Arc<WebhookSender>,
    breakers: Arc<Breakers>,
    documents: Arc<DocumentBuilder>,
    answerers: Answerers,
    abouts: ConfigSummaries,
    endpoints: watch::Sender<Endpoints>,
    store: Store,
    drain_deadline: Duration,
    stop_calls: CancellationToken,
    stop_follow: CancellationToken,
    stop_outbox: CancellationToken,
    publishing: Publishing,
    stop_http: CancellationToken,
    calls: JoinHandle<()>,
    followers: Vec<JoinHandle<()>>,
    passwords: Vec<(String, Password)>,
    deliveries: JoinHandle<()>,
    pages: JoinHandle<io::Result<()>>,
    tracing: Tracing,
}

impl Service {
    /// Starts everything that `config` asks for, and listens when it returns.
    ///
    /// # Errors
    /// Each [`StartError`] names its cure; nothing is left running.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, Answerers::new()).await
    }

    /// The same, with `answerers` beside the configuration's webhooks; a reload keeps them.
    ///
    /// # Errors
    /// As [`Service::start`], and an answerer whose name or variables cannot be used.
    pub async fn start_with(config: &Config, answerers: Answerers) -> Result<Self, StartError> {
        fd_limit::raise(config.limits.connections);
        let metrics = recorder()?;
        start_at_zero(config, &answerers);
        let built = build::compile_with(config, &answerers)?;
        log_warnings(config, &built);
        let live_calls = Arc::new(LiveCalls::new(config.limits.calls_remembered));
        let breakers = Breakers::of(build::breakers(config));
        let abouts = config_summary::all(config);
        let documents = DocumentBuilder::new(config, &built, Arc::clone(&live_calls))?;
        let http_listener = bind("[listen] http", config.listen.http).await?;
        let http_address = local(&http_listener, "[listen] http")?;
        let store = Store::open(store::StoreOptions {
            place: instance_id::of(http_address),
            ..build::store_options(config, Role::Serve)
        });
        let store = store.await?;
        let lending = RecordingServer::start(config).await?;
        // Last of what can fail: whoever connects is served.
        let esl_listener = bind("[listen] esl", config.listen.esl).await?;

        let tracing = Tracing::start(config)?;
        let traces = &tracing.place;
        let documents = Arc::new(documents.traced(traces.clone()));
        let webhooks = Arc::new(WebhookSender::new(
            &built,
            Arc::clone(&breakers),
            traces.clone(),
        ));
        let [stop_outbox, stop_follow, stop_calls] = [(); 3].map(|()| CancellationToken::new());
        let delivering = deliver(config, &store, &webhooks, &stop_outbox)?;
        let publishing = publish(config, &store, &documents);

        let Followed {
            followers,
            switches,
            askers,
            passwords,
            records,
        } = follow(config, &store, &documents, &stop_follow);

        let options = options(config, &live_calls, &breakers, traces.clone());
        let call_control = CallControl::new(
            options,
            built.widgets,
            Arc::new(StorePersistence::new(store.clone())),
        );
        let call_control =
            Arc::new(call_control.confirmed_by(FollowedSwitches::of(config, askers)));
        let esl = local(&esl_listener, "[listen] esl")?;
        let (parking, parked) = park(config, &call_control);
        let calls = tokio::spawn(take_calls(
            Arc::clone(&call_control),
            esl_listener,
            parking,
            stop_calls.clone(),
        ));

        let switches = switches.into_iter().chain(parked);
        let switches = switches.chain(publishing.health());
        let checks = checks(
            esl,
            &call_control,
            store.health(),
            delivering.health,
            stop_calls.clone(),
            switches.collect(),
            traces.clone(),
        );
        let stop_http = CancellationToken::new();
        let ops = Ops {
            abouts: Arc::clone(&abouts),
            checks,
            metrics,
            live_calls,
            breakers: Arc::clone(&breakers),
            store: store.clone(),
            time_zone: config.account.time_zone,
            mask: Mask(config.account.mask_numbers),
            may_change: config.listen.http_token.is_some(),
            trials: WebhookTests::desk(&call_control),
            pages: http::places(),
            stop: stop_http.clone(),
        };
        let posts = posts(config, records);
        let pages = tokio::spawn(http::serve(http_listener, ops, posts, build::guard(config)));
        info!(%esl, http = %http_address, "listening");
        Ok(Self {
            esl,
            http: http_address,
            recordings: lending.address(),
            lending,
            call_control,
            webhooks,
            breakers,
            documents,
            answerers,
            abouts,
            endpoints: delivering.endpoints,
            store,
            drain_deadline: config.limits.drain_deadline,
            stop_calls,
            stop_follow,
            stop_outbox,
            publishing,
            stop_http,
            calls,
            followers,
            passwords,
            deliveries: delivering.task,
            pages,
            tracing,
        })
    }

    /// Takes the webhooks of `config`, the switches' passwords and the collector of traces; calls
    /// on hold and connections keep theirs. Addresses, the store and the limits stay as they were at the
    /// start.
    ///
    /// # Errors
    /// Every fault of the new configuration; the old one stays in force.
    pub fn reload(&self, config: &Config) -> Result<(), StartError> {
        let built = build::compile_with(config, &self.answerers)?;
        let endpoints = build::endpoints(config)?;
        let tracing = self.tracing.prepare(config)?;
        self.documents.replace(config, &built)?;
        start_at_zero(config, &self.answerers);
        self.tracing.replace(tracing);
        self.breakers.replace(build::breakers(config));
        self.webhooks.replace(&built);
        self.endpoints.send_replace(endpoints);
        self.abouts.store(Arc::new(config_summary::of(config)));
        self.lending.replace(config);
        if let Some(recorder) = self.call_control.recorder() {
            recorder.learn(&build::secrets(config));
        }
        self.call_control.reload(built.widgets);
        for switch in &config.freeswitch {
            let followed = self.passwords.iter();
            for (_, password) in followed.filter(|(address, _)| *address == switch.address) {
                password.store(Arc::new(switch.password.clone()));
            }
        }
        Ok(())
    }

    /// Calls on hold now.
    #[must_use]
    pub fn on_hold(&self) -> usize {
        self.call_control.on_hold()
    }

    /// Stops listening, lets the calls on hold get their answers (for the drain deadline
    /// at most; then they are released to line 1), the deliveries under way end, and the
    /// store close.
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
            ended("calls", calls.await);
        }
        self.stop_follow.cancel();
        for follower in self.followers {
            ended("follower", follower.await);
        }
        ended("publishing", self.publishing.stop().await);
        self.stop_outbox.cancel();
        ended("deliveries", self.deliveries.await);
        self.tracing.stop().await;
        self.store.close().await;
        self.lending.stop().await;
        self.stop_http.cancel();
        let mut pages = self.pages;
        match timeout(PAGES_DEADLINE, &mut pages).await {
            Ok(served) => ended("pages", served.map(drop)),
            Err(_) => pages.abort(),
        }
        info!("stopped");
    }
}

/// How calls are taken, and where it is told.
fn options(
    config: &Config,
    live_calls: &Arc<LiveCalls>,
    breakers: &Arc<Breakers>,
    traces: traces::TracesHandle,
) -> call_control::CallControlOptions {
    call_control::CallControlOptions {
        traces,
        live_calls: Arc::clone(live_calls),
        breakers: Arc::clone(breakers),
        ..build::takeover_options(config)
    }
}

fn start_at_zero(config: &Config, answerers: &Answerers) {
    let switches = config
        .freeswitch
        .iter()
        .map(|switch| switch.address.as_str());
    let asked = config.webhooks.keys().chain(answerers.keys());
    metric_names::start_at_zero(asked.map(String::as_str), switches);
}

fn ended(what: &str, result: Result<(), tokio::task::JoinError>) {
    if let Err(error) = result {
        warn!(what, %error, "a part of the service ended badly");
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Listen {
            key,
            address,
            error,
        })
}

fn local(listener: &TcpListener, key: &'static str) -> Result<SocketAddr, StartError> {
    let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|error| StartError::Listen {
        key,
        address: unspecified,
        error,
    })
}

type Health = watch::Receiver<switchhook_core::health::Health>;

/// The process has one recorder, however many services start in it.
fn recorder() -> Result<PrometheusHandle, StartError> {
    static RECORDER: std::sync::OnceLock<Result<PrometheusHandle, String>> =
        std::sync::OnceLock::new();
    let recorder = RECORDER.get_or_init(|| {
        let seconds = metric_names::IN_SECONDS.map(|name| Matcher::Full(name.into()));
        let builder = seconds
            .into_iter()
            .try_fold(PrometheusBuilder::new(), |builder, name| {
                builder.set_buckets_for_metric(name, &metric_names::SECONDS_BUCKETS)
            })
            .map_err(|error| error.to_string())?;
        builder
            .install_recorder()
            .map_err(|error| error.to_string())
    });
    recorder.clone().map_err(StartError::Metrics)
}
