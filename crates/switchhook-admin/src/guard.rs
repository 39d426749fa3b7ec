//! The checks before every route: the request's host, its origin, and the token for changes.
//!
//! A page of another site can make a browser on this machine send requests here. With a name that
//! suddenly resolves to this service (DNS rebinding) it could read the responses too. So `Host`
//! must be an address, `localhost`, or a name that the operator listed; `Origin` must be that host;
//! and a request that changes something needs the token in a header that no browser sends by itself.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::attempts::AttemptLimiter;
use crate::listener::Peer;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

/// The rules for every request.
#[derive(Debug)]
pub struct Guard {
    hosts: Vec<String>,
    /// The token's hash: the time of a comparison reveals nothing of the token.
    token: Option<[u8; 32]>,
}

/// The rules in force; a reload replaces them.
pub type SharedGuard = Arc<ArcSwap<Guard>>;

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// `Host` is a name that is not listed.
    #[error(
        "the Host of this request is not a name of this service; list it in [listen] http_hosts"
    )]
    Host,
    /// The request comes from a page of another site.
    #[error("a page of another site sent this request")]
    Origin,
    /// No token is configured, so nothing can be changed.
    #[error("nothing can be changed over HTTP; set [listen] http_token_env to allow it")]
    NoToken,
    /// The token is missing or wrong.
    #[error("this needs the token of [listen] http_token_env: Authorization: Bearer …")]
    Token,
}

impl Guard {
    /// Makes the rules of the service's names, in lower case, and the token, if there is one.
    #[must_use]
    pub fn new(hosts: Vec<String>, token: Option<&Secret>) -> Self {
        let token = token.map(|token| hash(token.reveal()));
        Self { hosts, token }
    }

    /// Returns whether a token is configured that allows changes.
    #[must_use]
    pub(crate) const fn allows_changes(&self) -> bool {
        self.token.is_some()
    }

    /// Checks that `Host` names this service, and `Origin` that host.
    ///
    /// # Errors
    /// Returns why the request is rejected.
    fn check_host(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let host = text(headers, HOST);
        if host.is_some_and(|host| !self.is_ours(host)) {
            return Err(Rejection::Host);
        }
        let origin = text(headers, ORIGIN);
        if origin.is_some_and(|origin| !is_origin_of(origin, host)) {
            return Err(Rejection::Origin);
        }
        Ok(())
    }

    /// Checks the token of a request that changes something.
    ///
    /// # Errors
    /// Returns why the request is rejected.
    fn check_token(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let Some(token) = &self.token else {
            return Err(Rejection::NoToken);
        };
        let given = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if given.is_some_and(|given| hash(given) == *token) {
            Ok(())
        } else {
            Err(Rejection::Token)
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}

/// Returns a header; `None` if it is absent, `?` if it is no text, which matches no host.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or("?"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Whether an origin is of this host: `http://127.0.0.1:8085` of `127.0.0.1:8085`. The scheme is
/// https behind a proxy.
fn is_origin_of(origin: &str, host: Option<&str>) -> bool {
    let of = origin.split_once("://").map(|(_, of)| of);
    of.zip(host)
        .is_some_and(|(of, host)| of.eq_ignore_ascii_case(host))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The rules, and the wrong tokens that were sent.
#[derive(Clone)]
pub(crate) struct TokenCheck {
    pub(crate) guard: SharedGuard,
    pub(crate) attempts: Arc<AttemptLimiter>,
}

/// The layer before the routes that may change something.
pub(crate) async fn require_token(
    State(check): State<TokenCheck>,
    Peer(peer): Peer,
    request: Request,
    next: Next,
) -> Response {
    let is_attempt = !matches!(*request.method(), Method::GET | Method::HEAD)
        && request.headers().contains_key(AUTHORIZATION);
    if is_attempt && let Err(too_many) = check.attempts.admit(peer.ip()).await {
        return too_many.respond();
    }
    let checked = check
        .guard
        .load()
        .check_token(request.method(), request.headers());
    match checked {
        Ok(()) => next.run(request).await,
        Err(rejection) => {
            if is_attempt && rejection == Rejection::Token {
                check.attempts.failed(peer.ip(), "token");
            }
            rejection.into_response()
        }
    }
}

/// The layer before every route. It also forbids other sites to frame the page.
pub(crate) async fn require_own_host(
    State(guard): State<SharedGuard>,
    request: Request,
    next: Next,
) -> Response {
    let checked = guard.load().check_host(request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(rejection) => {
            counter!(metric_names::REJECTED_REQUESTS, "reason" => "host").increment(1);
            rejection.log(request.headers());
            rejection.into_response()
        }
    };
    for (name, value) in [
        ("content-security-policy", "frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        let name = HeaderName::from_static(name);
        let headers = response.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Anyone who can connect causes log lines, so their number is limited.
static LOG_LINES: LogThrottle = LogThrottle::new(20);

impl Rejection {
    /// Logs the rejection: behind a proxy, no person may see the response.
    fn log(self, headers: &HeaderMap) {
        let shown =
            |name| text(headers, name).map(|value| value.chars().take(100).collect::<String>());
        let (host, origin) = (shown(HOST), shown(ORIGIN));
        LOG_LINES.log(|left_out| {
            warn!(host, origin, left_out, "a request was rejected: {self}");
        });
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin | Self::NoToken => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
        };
        let mut response = (status, format!("{self}\n")).into_response();
        if self == Self::Token {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        guard: &Guard,
        method: Method,
        headers: &[(&'static str, &str)],
    ) -> Result<(), Rejection> {
        let pairs = headers.iter();
        let map = pairs.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        });
        let map: HeaderMap = map.collect();
        guard
            .check_host(&map)
            .and_then(|()| guard.check_token(&method, &map))
    }

    fn guard(token: Option<&str>) -> Guard {
        let token = token.map(Secret::new);
        Guard::new(vec!["hook.example".into()], token.as_ref())
    }

    #[test]
    fn a_name_that_is_not_ours_reads_nothing() {
        let guard = guard(None);
        let read = |host: &str| check(&guard, Method::GET, &[("host", host)]);
        for ours in [
            "127.0.0.1:8085",
            "10.0.0.1",
            "[::1]:8085",
            "[::1]",
            "localhost:8085",
            "LOCALHOST",
            "hook.example:8085",
            "Hook.Example",
        ] {
            assert_eq!(read(ours), Ok(()), "{ours}");
        }
        for other in [
            "evil.example",
            "127.0.0.1.evil.example:8085",
            "",
            "localhost.evil",
            "a:b:1",
        ] {
            assert_eq!(read(other), Err(Rejection::Host), "{other}");
        }
        assert_eq!(check(&guard, Method::GET, &[]), Ok(()), "no browser");
    }

    #[test]
    fn a_page_of_another_site_reads_and_changes_nothing() {
        let guard = guard(Some("horse"));
        for method in [Method::GET, Method::POST] {
            for origin in ["http://evil.example", "null", "http://127.0.0.1:9999"] {
                let headers = [
                    ("host", "127.0.0.1:8085"),
                    ("origin", origin),
                    ("authorization", "Bearer horse"),
                ];
                let message = check(&guard, method.clone(), &headers);
                assert_eq!(message, Err(Rejection::Origin), "{method} {origin}");
            }
        }
    }

    #[test]
    fn what_changes_something_needs_the_token() {
        let host = ("host", "127.0.0.1:8085");
        let own = ("origin", "http://127.0.0.1:8085");
        let right = ("authorization", "Bearer horse");
        for method in [
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            let open = |headers: &[(&'static str, &str)]| {
                check(&guard(Some("horse")), method.clone(), headers)
            };
            assert_eq!(open(&[host, right]), Ok(()));
            assert_eq!(open(&[host, own, right]), Ok(()));
            assert_eq!(open(&[host, own]), Err(Rejection::Token));
            let wrong = ("authorization", "Bearer hors");
            assert_eq!(open(&[host, wrong]), Err(Rejection::Token));
            let message = check(&guard(None), method.clone(), &[host, right]);
            assert_eq!(message, Err(Rejection::NoToken));
        }
        assert!(!format!("{:?}", guard(Some("horse"))).contains("horse"));
    }
}
