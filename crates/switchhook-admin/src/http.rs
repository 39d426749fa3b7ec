//! `listen.http`: `/healthz`, `/readyz`, `/metrics`, and `/` for a person.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use chrono_tz::Tz;
use maud::Markup;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::live_calls::LiveCalls;
use switchhook_core::mask::Mask;
use switchhook_store::Store;
use switchhook_webhook::breakers::Breakers;

use super::cdr_receiver::{self, ReceiveCdr};
use super::config_summary::{ConfigSummaries, ConfigSummary};
use super::guard::{self, Guard};
use super::page::{self, View};
use super::{metrics, replay, sse, webhook_test};

/// One thing that must be well for the service to be ready.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Check {
    /// Short name: `esl`, `store`, `switch fs1`.
    pub name: String,
    /// Well or not.
    pub ok: bool,
    /// Calls cannot be served while this is not ok; otherwise it only warns.
    pub vital: bool,
    /// One sentence: what is, and when it is not well the cure.
    pub detail: String,
}

/// What the pages are made from.
#[derive(Clone)]
pub struct Ops {
    /// Asked at every request of `/readyz` and `/`.
    pub checks: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
    /// The webhooks' settings.
    pub abouts: ConfigSummaries,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// Who is on hold, and what became of the last calls.
    pub live_calls: Arc<LiveCalls>,
    /// Which webhooks rest.
    pub breakers: Arc<Breakers>,
    /// Calls that are over, documents.
    pub store: Store,
    /// The times of the page are in this zone.
    pub time_zone: Tz,
    /// How numbers are shown.
    pub mask: Mask,
    /// Whether there is a token with which something may be changed.
    pub may_change: bool,
    /// Asks webhooks that are tried.
    pub trials: webhook_test::WebhookTester,
    /// Places for pages that are told of changes.
    pub pages: Arc<Semaphore>,
    /// Ends what would go on for as long as a page is open.
    pub stop: CancellationToken,
}

impl Ops {
    /// The settings of a webhook, when the configuration has it.
    pub fn about(&self, webhook: &str) -> Option<ConfigSummary> {
        self.abouts.load().get(webhook).cloned()
    }
}

/// Places for pages that are told of changes.
#[must_use]
pub fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(sse::PAGES))
}

/// Where the records of legs that ended are posted to.
pub struct Posts {
    /// Who takes them.
    pub records: Arc<dyn ReceiveCdr>,
    /// The largest, in bytes.
    pub bytes: usize,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// What the listener's socket says when it fails.
pub async fn serve(
    listener: TcpListener,
    ops: Ops,
    posts: Posts,
    guard: Guard,
) -> std::io::Result<()> {
    let (stop, guard) = (ops.stop.clone(), Arc::new(guard));
    // Whoever posts a record has a password of its own.
    let app = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::respond))
        .route("/", get(now))
        .route("/calls", get(calls))
        .route("/calls/{uuid}", get(call))
        .route("/webhooks", get(webhooks))
        .route(
            "/webhooks/{name}/try",
            get(webhook_test::ask).post(webhook_test::act),
        )
        .route("/outbox", get(outbox))
        .route("/outbox/replay", get(replay::ask).post(replay::act))
        .route("/outbox/{id}", get(document))
        .route("/switches", get(switches))
        .route("/changes", get(sse::changes))
        .route("/files/{name}", get(page::files::file))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(webhook_test::FORM_BYTES))
        .with_state(ops)
        .layer(from_fn_with_state(Arc::clone(&guard), guard::change))
        .merge(cdr_receiver::router(posts.records, posts.bytes))
        .layer(from_fn_with_state(guard, guard::visit));
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

#[derive(Serialize)]
pub(super) struct Readiness {
    pub(super) ready: bool,
    pub(super) checks: Vec<Check>,
}

/// 200 when every vital check is well, else 503; the checks are in the body either way.
async fn readyz(State(ops): State<Ops>) -> Response {
    let readiness = readiness(&ops);
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

pub(super) fn readiness(ops: &Ops) -> Readiness {
    let checks = (ops.checks)();
    Readiness {
        ready: checks.iter().all(|check| check.ok || !check.vital),
        checks,
    }
}

async fn now(State(ops): State<Ops>) -> Response {
    let body = page::now::body(&ops).await;
    view("Now", "/", body).respond(&ops, StatusCode::OK)
}

async fn calls(State(ops): State<Ops>, Query(query): Query<page::calls::Query>) -> Response {
    page::calls::respond(&ops, &query).await
}

async fn call(State(ops): State<Ops>, Path(uuid): Path<String>) -> Response {
    page::call::respond(&ops, &uuid).await
}

async fn webhooks(State(ops): State<Ops>) -> Response {
    let body = page::webhooks::body(&ops).await;
    view("Webhooks", "/webhooks", body).respond(&ops, StatusCode::OK)
}

async fn outbox(State(ops): State<Ops>, Query(query): Query<page::outbox::Query>) -> Response {
    page::outbox::respond(&ops, &query).await
}

async fn document(State(ops): State<Ops>, Path(id): Path<String>) -> Response {
    page::document::respond(&ops, &id).await
}

async fn switches(State(ops): State<Ops>) -> Response {
    let body = page::switches::body(&ops).await;
    view("Switches", "/switches", body).respond(&ops, StatusCode::OK)
}

async fn nowhere(State(ops): State<Ops>) -> Response {
    page::missing(&ops, "There is nothing at this address.")
}

const fn view<'a>(title: &'a str, here: &'a str, body: Markup) -> View<'a> {
    View {
        title,
        here,
        search: "",
        body,
    }
}
