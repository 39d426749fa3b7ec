//! The check before each route: who sends the request, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::access::needs::Needs;
use crate::access::{Access, Kind};
use crate::audit;
use crate::guard::{Rejection, text};
use crate::listener::Peer;
use crate::login::{Login, Recognized};
use crate::page::login::refusal;
use crate::state::AdminState;

/// The header of a change that a signed-in person's page sends with it.
const CSRF: &str = "x-csrf-token";

/// The check before one route.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) login: Arc<Login>,
    pub(crate) state: AdminState,
    /// What a GET needs.
    pub(crate) reading: Needs,
    /// What every other request needs.
    pub(crate) changing: Needs,
}

/// The layer before a route. What follows finds the request's [`Access`].
pub(crate) async fn check(
    State(gate): State<Gate>,
    Peer(peer): Peer,
    mut request: Request,
    next: Next,
) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let needs = if changes { gate.changing } else { gate.reading };
    if needs == Needs::Nothing {
        let origin = gate.login.guard.load().client(peer.ip(), request.headers());
        request.extensions_mut().insert(Access::nobody(origin));
        return next.run(request).await;
    }
    let access = match gate.login.recognize(peer.ip(), request.headers(), changes) {
        Recognized::As(access) => access,
        Recognized::WrongToken => return gate.wrong_token(peer.ip(), request.headers()).await,
    };
    let rejection = if needs.admit(&access, changes) {
        unproven(&access, changes, request.headers())
    } else {
        Some(gate.rejection(&access))
    };
    if let Some(rejection) = rejection {
        return gate.reject(rejection, &access, &request);
    }
    request.extensions_mut().insert(access);
    next.run(request).await
}

/// A browser sends a session's cookie, and a proxy its header, also with a request that another page
/// made it send. So a change has something with it that only our page knows.
fn unproven(access: &Access, changes: bool, headers: &HeaderMap) -> Option<Rejection> {
    let csrf = access.csrf().filter(|_| changes)?;
    let given = headers.get(CSRF).and_then(|value| value.to_str().ok());
    let fits = !csrf.is_empty() && given == Some(csrf);
    (!fits).then_some(Rejection::Csrf)
}

impl Gate {
    /// Slows down an address that sends wrong tokens. A right token is never slowed, also from there:
    /// it is recognized before.
    async fn wrong_token(&self, peer: IpAddr, headers: &HeaderMap) -> Response {
        let origin = self.login.guard.load().client(peer, headers);
        if let Err(too_many) = self.login.attempts.admit(origin).await {
            return too_many.respond();
        }
        if self.login.attempts.failed(origin, "token") {
            let access = Access::nobody(origin);
            audit::refused(&self.state, &access, "token", "a wrong token");
        }
        Rejection::Token.into_response()
    }

    fn rejection(&self, access: &Access) -> Rejection {
        let guard = self.login.guard.load();
        match access.kind() {
            Kind::User => Rejection::Role,
            Kind::Local | Kind::Nobody if !guard.allows_changes() && guard.is_open_locally() => {
                if access.kind() == Kind::Local {
                    Rejection::NoToken
                } else {
                    Rejection::NoUsers
                }
            }
            Kind::Local | Kind::Nobody => Rejection::Token,
        }
    }

    fn reject(&self, rejection: Rejection, access: &Access, request: &Request) -> Response {
        let is_attempt = request.headers().contains_key(AUTHORIZATION);
        if rejection == Rejection::Role || rejection == Rejection::Csrf || is_attempt {
            let action = format!("{} {}", request.method(), request.uri().path());
            audit::refused_often(&self.state, access, &action, &rejection.to_string());
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let accept = text(request.headers(), ACCEPT).unwrap_or_default();
        if !(reads && accept.contains("text/html")) {
            return rejection.into_response();
        }
        let state = self.state.clone().with_access(access.clone());
        refusal(&state, rejection, request.uri())
    }
}
