//! What stands before every page: who is called, by whom, and what is needed to change
//! anything.
//!
//! A page of another site can make a browser on this machine send requests here, and with a
//! name of its own that suddenly leads here (DNS rebinding) read the answers too. So the
//! `Host` must be an address, `localhost`, or a name that the operator listed; an `Origin`
//! must be that very host; and whatever changes something needs the token in a header that no
//! browser sends by itself.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use tracing::warn;

use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::secret::Secret;

/// The rule for every request.
#[derive(Debug)]
pub struct Guard {
    hosts: Vec<String>,
    /// Its hash: what is compared tells nothing of the token by the time that it takes.
    token: Option<[u8; 32]>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The `Host` is a name that is not ours.
    #[error("this is not the host that was asked for; list its name in [listen] http_hosts")]
    Host,
    /// The request comes from a page of another site.
    #[error("a page of another site sent this request")]
    Origin,
    /// Nobody may change anything.
    #[error("nothing can be changed over HTTP; set [listen] http_token_env to allow it")]
    NoToken,
    /// Without the right token.
    #[error("this needs the token of [listen] http_token_env: Authorization: Bearer …")]
    Token,
}

impl Guard {
    /// With the names that this is called by, in lower case, and the token, if there is one.
    #[must_use]
    pub fn new(hosts: Vec<String>, token: Option<&Secret>) -> Self {
        let token = token.map(|token| hash(token.reveal()));
        Self { hosts, token }
    }

    /// Whether a request asks for this host, and does so by itself.
    ///
    /// # Errors
    /// Why it may not go on.
    pub fn visit(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let host = text(headers, HOST);
        if host.is_some_and(|host| !self.is_ours(host)) {
            return Err(Refused::Host);
        }
        let origin = text(headers, ORIGIN);
        if origin.is_some_and(|origin| !is_of(origin, host)) {
            return Err(Refused::Origin);
        }
        Ok(())
    }

    /// Whether a request changes nothing, or may.
    ///
    /// # Errors
    /// Why it may not go on.
    pub fn change(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        if matches!(*method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let Some(token) = &self.token else {
            return Err(Refused::NoToken);
        };
        let given = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        match given.is_some_and(|given| hash(given) == *token) {
            true => Ok(()),
            false => Err(Refused::Token),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}

/// `None` when it is not there; what is no text is no host and no origin of ours.
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

/// `http://127.0.0.1:8085` of `127.0.0.1:8085`; https where a proxy stands before us.
fn is_of(origin: &str, host: Option<&str>) -> bool {
    let of = origin.split_once("://").map(|(_, of)| of);
    of.zip(host)
        .is_some_and(|(of, host)| of.eq_ignore_ascii_case(host))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The layer before what may change something.
pub(crate) async fn change(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    match guard.change(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// The layer before everything; no page of another site may frame ours.
pub(crate) async fn visit(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.visit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            refused.say(request.headers());
            refused.into_response()
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

/// Whoever may connect may make us write a line, but not fill a disk.
static FEW: LogThrottle = LogThrottle::new(20);

impl Refused {
    /// Behind a proxy, nobody may see what the answer says.
    fn say(self, headers: &HeaderMap) {
        let shown =
            |name| text(headers, name).map(|value| value.chars().take(100).collect::<String>());
        let (host, origin) = (shown(HOST), shown(ORIGIN));
        FEW.say(|left_out| {
            warn!(host, origin, left_out, "a request was refused: {self}");
        });
    }
}

impl IntoResponse for Refused {
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
    ) -> Result<(), Refused> {
        let pairs = headers.iter();
        let map = pairs.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        });
        let map: HeaderMap = map.collect();
        guard.visit(&map).and_then(|()| guard.change(&method, &map))
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
            assert_eq!(read(other), Err(Refused::Host), "{other}");
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
                let said = check(&guard, method.clone(), &headers);
                assert_eq!(said, Err(Refused::Origin), "{method} {origin}");
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
            assert_eq!(open(&[host, own]), Err(Refused::Token));
            let wrong = ("authorization", "Bearer hors");
            assert_eq!(open(&[host, wrong]), Err(Refused::Token));
            let said = check(&guard(None), method.clone(), &[host, right]);
            assert_eq!(said, Err(Refused::NoToken));
        }
        assert!(!format!("{:?}", guard(Some("horse"))).contains("horse"));
    }
}
