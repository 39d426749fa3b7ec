//! `listen.http`: `/healthz`, `/readyz`, `/metrics`, and `/` for a person.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::guard::{self, Guard};
use super::records::{self, Records};

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
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
}

/// Where the records of legs that ended are posted to.
pub struct Posts {
    /// Who takes them.
    pub records: Arc<dyn Records>,
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
    stop: CancellationToken,
) -> std::io::Result<()> {
    let guard = Arc::new(guard);
    // Whoever posts a record has a password of its own.
    let app = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/", get(page))
        .with_state(ops)
        .layer(from_fn_with_state(Arc::clone(&guard), guard::change))
        .merge(records::router(posts.records, posts.bytes))
        .layer(from_fn_with_state(guard, guard::visit));
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<Check>,
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

fn readiness(ops: &Ops) -> Readiness {
    let checks = (ops.checks)();
    Readiness {
        ready: checks.iter().all(|check| check.ok || !check.vital),
        checks,
    }
}

async fn metrics(State(ops): State<Ops>) -> Response {
    ops.metrics.run_upkeep();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        ops.metrics.render(),
    )
        .into_response()
}

async fn page(State(ops): State<Ops>) -> Html<String> {
    let readiness = readiness(&ops);
    let word = if readiness.ready {
        "ready"
    } else {
        "not ready"
    };
    let mut rows = String::new();
    for check in &readiness.checks {
        let mark = if check.ok { "✓" } else { "✗" };
        let (name, detail) = (escape(&check.name), escape(&check.detail));
        // Writing to a String cannot fail.
        let _ = write!(rows, "<tr><td>{mark}<th scope=row>{name}<td>{detail}");
    }
    Html(format!(include_str!("page.html"), word = word, rows = rows))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
