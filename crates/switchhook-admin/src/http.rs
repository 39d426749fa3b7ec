//! The routes of `listen.http`: `/healthz`, `/readyz`, `/metrics`, `/json_cdr/NAME`, and the
//! operator's page at `/`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, any, get, post};
use metrics::counter;
use tokio::net::TcpListener;

use crate::access::Role;
use crate::access::needs::Needs;
use crate::attempts::AttemptLimiter;
use crate::base_path;
use crate::cdr_receiver::{self, ReceiveCdr};
use crate::gate::{self, Gate};
use crate::guard;
use crate::listener::{self, HttpLimits};
use crate::login::Login;
use crate::page::layout::{View, not_found};
use crate::page::{self, login, replay, webhook_test};
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
    let login = Arc::new(Login::new(Arc::clone(&guard), Arc::clone(&attempts)));
    // CDR posts have a password of their own, so no gate is before them.
    let posts = cdr
        .records
        .map(|records| cdr_receiver::router(records, cdr.bytes, attempts));
    let gate = |reading, changing| {
        let gate = Gate {
            login: Arc::clone(&login),
            state: state.clone(),
            reading,
            changing,
        };
        from_fn_with_state(gate, gate::check)
    };
    let pages = pages().into_iter().fold(Router::new(), |router, page| {
        let checked = page.handlers.layer(gate(page.reading, page.changing));
        router.route(page.path, checked)
    });
    let no_route = any(no_route).layer(gate(SEES, OPERATES));
    let base = Arc::clone(&state.base);
    let routes = pages
        .fallback_service(no_route.with_state(state.clone()))
        .layer(DefaultBodyLimit::max(webhook_test::FORM_BYTES))
        .layer(Extension(Arc::clone(&login)))
        .with_state(state)
        .merge(posts.unwrap_or_default())
        .layer(from_fn_with_state(guard, guard::require_own_host));
    base_path::nest(&base, routes)
}

/// A page, with what its requests need.
struct Page {
    path: &'static str,
    reading: Needs,
    /// What every request but a GET needs.
    changing: Needs,
    handlers: MethodRouter<AdminState>,
}

const SEES: Needs = Needs::Role(Role::Viewer);
const SEES_ALL: Needs = Needs::RoleInAll(Role::Viewer);
const OPERATES: Needs = Needs::Role(Role::Operator);
const OPERATES_ALL: Needs = Needs::RoleInAll(Role::Operator);

fn page(path: &'static str, reading: Needs, handlers: MethodRouter<AdminState>) -> Page {
    Page {
        path,
        reading,
        changing: OPERATES,
        handlers,
    }
}

impl Page {
    fn changing(mut self, needs: Needs) -> Self {
        self.changing = needs;
        self
    }
}

/// Returns the path of every page.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    pages().into_iter().map(|page| page.path).collect()
}

/// Every page. None is without what its requests need, and a test has a row for each.
fn pages() -> Vec<Page> {
    let scrapes = Arc::new(metrics_page::Scrapes::default());
    let metrics = move |state: AdminState, headers: HeaderMap| {
        let scrapes = Arc::clone(&scrapes);
        async move { metrics_page::respond(&state, &scrapes, &headers).await }
    };
    let tests = get(webhook_test::form_page).post(webhook_test::send);
    let replays = get(replay::dry_run_page).post(replay::send);
    let discards = get(replay::discard_page).post(replay::discard);
    let signing_in = get(login::form_page).post(login::sign_in);
    let files = get(page::assets::respond);
    let configuration = get(page::configuration::respond);
    vec![
        page("/healthz", Needs::Nothing, get(async || "ok\n")),
        page("/readyz", Needs::Nothing, get(readyz)),
        page("/metrics", Needs::Nothing, get(metrics)),
        page("/files/{name}", Needs::Nothing, files),
        page("/login", Needs::Nothing, signing_in).changing(Needs::Nothing),
        page("/logout", Needs::Nothing, post(login::sign_out)).changing(Needs::Nothing),
        page("/", SEES, get(overview)),
        page("/calls", SEES, get(calls)),
        page("/calls.csv", SEES, get(page::call_export::csv)),
        page("/calls.json", SEES, get(page::call_export::json)),
        page("/calls/{uuid}", SEES, get(call)),
        page("/time", SEES_ALL, get(time)),
        page("/webhooks", SEES_ALL, get(webhooks)),
        page("/webhooks/{name}/try", SEES_ALL, tests).changing(OPERATES_ALL),
        page("/outbox", SEES, get(outbox)),
        page("/outbox/replay", SEES, replays),
        page("/outbox/discard", SEES, discards),
        page("/outbox/endpoint", SEES, post(page::endpoints::act)).changing(OPERATES_ALL),
        page("/outbox/{id}", SEES, get(document)),
        page("/switches", SEES_ALL, get(switches)),
        page("/configuration", SEES_ALL, configuration),
        page("/audit", OPERATES_ALL, get(page::audit::respond)),
        page("/changes", SEES, get(sse::changes)),
    ]
}

/// Responds 200 if every vital component is healthy, else 503; the body has the checks.
async fn readyz(state: AdminState) -> Response {
    let readiness = state.readiness();
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

async fn overview(state: AdminState) -> Response {
    let body = page::overview::body(&state).await;
    View::new("Now", "/", body).respond(&state, StatusCode::OK)
}

async fn calls(
    state: AdminState,
    Query(params): Query<page::call_params::CallsParams>,
) -> Response {
    page::calls::respond(&state, &params).await
}

async fn time(state: AdminState, Query(params): Query<page::time_window::TimeParams>) -> Response {
    page::time::respond(&state, &params).await
}

async fn call(state: AdminState, Path(uuid): Path<String>) -> Response {
    page::call::respond(&state, &uuid).await
}

async fn webhooks(state: AdminState) -> Response {
    let body = page::webhooks::body(&state).await;
    View::new("Webhooks", "/webhooks", body).respond(&state, StatusCode::OK)
}

async fn outbox(state: AdminState, Query(params): Query<page::outbox::OutboxParams>) -> Response {
    page::outbox::respond(&state, &params).await
}

async fn document(state: AdminState, Path(id): Path<String>) -> Response {
    page::document::respond(&state, &id).await
}

async fn switches(state: AdminState) -> Response {
    let body = page::switches::body(&state).await;
    View::new("Switches", "/switches", body).respond(&state, StatusCode::OK)
}

async fn no_route(state: AdminState) -> Response {
    not_found(&state, "There is nothing at this address.")
}
