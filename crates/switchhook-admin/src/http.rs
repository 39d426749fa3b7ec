//! The routes of `listen.http`: `/healthz`, `/readyz`, `/metrics`, `/json_cdr/NAME`, and the
//! operator's page at `/`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use metrics::counter;
use tokio::net::TcpListener;

use crate::attempts::AttemptLimiter;
use crate::cdr_receiver::{self, ReceiveCdr};
use crate::guard::{self, TokenCheck};
use crate::listener::{self, HttpLimits};
use crate::page::layout::{View, not_found};
use crate::page::{self, replay, webhook_test};
use crate::state::AdminState;
use crate::{metrics as metrics_page, sse};
use switchhook_core::metric_names;

/// The endpoint that switches post CDRs to.
pub struct CdrEndpoint {
    /// Stores the CDRs; `None` if no switch may post.
    pub records: Option<Arc<dyn ReceiveCdr>>,
    /// The largest CDR, in bytes.
    pub bytes: usize,
}

/// Serves until `state.stop` is cancelled.
pub async fn serve(listener: TcpListener, state: AdminState, cdr: CdrEndpoint, limits: HttpLimits) {
    let stop = state.stop.clone();
    let at_limit = || counter!(metric_names::LIMITS, "limit" => "http_connections").increment(1);
    listener::serve(listener, routes(state, cdr), limits, at_limit, stop).await;
}

/// Returns the routes, with the checks before them. A request without a
/// [`Peer`](crate::listener::Peer) counts as one of the address `0.0.0.0`.
pub fn routes(state: AdminState, cdr: CdrEndpoint) -> Router {
    let guard = Arc::clone(&state.guard);
    let attempts = Arc::new(AttemptLimiter::default());
    let check = TokenCheck {
        guard: Arc::clone(&guard),
        attempts: Arc::clone(&attempts),
    };
    let posts = cdr
        .records
        .map(|records| cdr_receiver::router(records, cdr.bytes, attempts));
    // CDR posts have a password of their own, so the token's layer does not cover them.
    let scrapes = Arc::new(metrics_page::Scrapes::default());
    let metrics = move |State(state): State<AdminState>, headers: HeaderMap| {
        let scrapes = Arc::clone(&scrapes);
        async move { metrics_page::respond(&state, &scrapes, &headers).await }
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(pages())
        .fallback(no_route)
        .layer(DefaultBodyLimit::max(webhook_test::FORM_BYTES))
        .with_state(state)
        .layer(from_fn_with_state(check, guard::require_token))
        .merge(posts.unwrap_or_default())
        .layer(from_fn_with_state(guard, guard::require_own_host))
}

fn pages() -> Router<AdminState> {
    Router::new()
        .route("/", get(overview))
        .route("/calls", get(calls))
        .route("/calls.csv", get(page::call_export::csv))
        .route("/calls.json", get(page::call_export::json))
        .route("/time", get(time))
        .route("/calls/{uuid}", get(call))
        .route("/webhooks", get(webhooks))
        .route(
            "/webhooks/{name}/try",
            get(webhook_test::form_page).post(webhook_test::send),
        )
        .route("/outbox", get(outbox))
        .route(
            "/outbox/replay",
            get(replay::dry_run_page).post(replay::send),
        )
        .route(
            "/outbox/discard",
            get(replay::discard_page).post(replay::discard),
        )
        .route("/outbox/endpoint", post(page::endpoints::act))
        .route("/outbox/{id}", get(document))
        .route("/switches", get(switches))
        .route("/changes", get(sse::changes))
        .route("/files/{name}", get(page::assets::respond))
}

/// Responds 200 if every vital component is healthy, else 503; the body has the checks.
async fn readyz(State(state): State<AdminState>) -> Response {
    let readiness = state.readiness();
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

async fn overview(State(state): State<AdminState>) -> Response {
    let body = page::overview::body(&state).await;
    View::new("Now", "/", body).respond(&state, StatusCode::OK)
}

async fn calls(
    State(state): State<AdminState>,
    Query(params): Query<page::call_params::CallsParams>,
) -> Response {
    page::calls::respond(&state, &params).await
}

async fn time(
    State(state): State<AdminState>,
    Query(params): Query<page::time_window::TimeParams>,
) -> Response {
    page::time::respond(&state, &params).await
}

async fn call(State(state): State<AdminState>, Path(uuid): Path<String>) -> Response {
    page::call::respond(&state, &uuid).await
}

async fn webhooks(State(state): State<AdminState>) -> Response {
    let body = page::webhooks::body(&state).await;
    View::new("Webhooks", "/webhooks", body).respond(&state, StatusCode::OK)
}

async fn outbox(
    State(state): State<AdminState>,
    Query(params): Query<page::outbox::OutboxParams>,
) -> Response {
    page::outbox::respond(&state, &params).await
}

async fn document(State(state): State<AdminState>, Path(id): Path<String>) -> Response {
    page::document::respond(&state, &id).await
}

async fn switches(State(state): State<AdminState>) -> Response {
    let body = page::switches::body(&state).await;
    View::new("Switches", "/switches", body).respond(&state, StatusCode::OK)
}

async fn no_route(State(state): State<AdminState>) -> Response {
    not_found(&state, "There is nothing at this address.")
}
