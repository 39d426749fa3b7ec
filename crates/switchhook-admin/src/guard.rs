//! The rules of access, and the checks before every route: the request's host and its origin.
//!
//! A page of another site can make a browser on this machine send requests here. With a name that
//! suddenly resolves to this service (DNS rebinding) it could read the responses too. So `Host`
//! must be an address, `localhost`, or a name that the operator listed, and `Origin` must be that
//! host. Behind a proxy that sends another `Host`, the browser's word that the request comes from the
//! same origin (`Sec-Fetch-Site`, which no page can set) counts for `Origin`.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use tracing::warn;

use crate::access::hashes::TokenHash;
use crate::access::{Access, Role, TOKEN_USER, TrustedProxy, User};
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

/// The rules for every request.
#[derive(Debug)]
pub struct Guard {
    hosts: Vec<String>,
    /// Users of the configuration, and [`TOKEN_USER`].
    pub(crate) users: Vec<User>,
    proxy: Option<TrustedProxy>,
    /// The configuration says who may see the page.
    has_users: bool,
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
    /// The token is missing or wrong, or nobody is signed in.
    #[error(
        "this needs the token of a user, or that of [listen] http_token_env: Authorization: Bearer …"
    )]
    Token,
    /// Nobody can sign in, and the request comes from another machine.
    #[error(
        "this page shows nothing to other machines until people can sign in; add [users.NAME] or \
             [trusted_proxy] to the configuration, or listen on 127.0.0.1"
    )]
    NoUsers,
    /// The user may not do this, or not see all accounts.
    #[error(
        "this user may not see or do this; the configuration has roles and accounts in [users.NAME]"
    )]
    Role,
    /// The change does not come from a page of this service.
    #[error("this change does not come from a page of this service; reload the page and try again")]
    Csrf,
}

impl Guard {
    /// Makes the rules of the service's names, in lower case, and the token, if there is one. Whoever
    /// is on this machine sees everything; the token changes something.
    #[must_use]
    pub fn new(hosts: Vec<String>, token: Option<&Secret>) -> Self {
        let user = token.map(|token| User {
            name: TOKEN_USER.into(),
            role: Role::Operator,
            accounts: None,
            token: Some(TokenHash::of(token.reveal())),
            password: None,
        });
        Self {
            hosts,
            users: user.into_iter().collect(),
            proxy: None,
            has_users: false,
        }
    }

    /// Adds those who may see the page; everybody else sees nothing from then on.
    #[must_use]
    pub fn with_users(mut self, users: Vec<User>, proxy: Option<TrustedProxy>) -> Self {
        self.has_users = !users.is_empty() || proxy.is_some();
        self.users.extend(users);
        self.proxy = proxy;
        self
    }

    /// Returns whether somebody may change something.
    #[must_use]
    pub(crate) fn allows_changes(&self) -> bool {
        let others = self.proxy.as_ref().and_then(|proxy| proxy.others);
        let mut roles = self.users.iter().map(|user| user.role).chain(others);
        roles.any(|role| role == Role::Operator)
    }

    /// Returns whether the page is open to everybody on this machine.
    pub(crate) const fn is_open_locally(&self) -> bool {
        !self.has_users
    }

    /// Returns the address of the client: behind a trusted proxy, the one that the proxy saw.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let forwarded = headers.get_all("x-forwarded-for").into_iter().next_back();
        let forwarded = forwarded.filter(|_| self.trusts(peer).is_some());
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let client = last.and_then(|last| last.trim().parse().ok());
        client.unwrap_or(peer)
    }

    fn trusts(&self, peer: IpAddr) -> Option<&TrustedProxy> {
        let peer = peer.to_canonical();
        let proxy = self.proxy.as_ref()?;
        let is_listed = proxy.from.iter().any(|range| range.contains(&peer));
        is_listed.then_some(proxy)
    }

    /// Returns the access of the user that a trusted proxy names. A header that is there twice names
    /// nobody.
    pub(crate) fn named_by_proxy(
        &self,
        peer: IpAddr,
        origin: IpAddr,
        headers: &HeaderMap,
    ) -> Option<Access> {
        let proxy = self.trusts(peer)?;
        let mut values = headers.get_all(&*proxy.header).into_iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let name = value.to_str().ok().filter(|name| !name.is_empty())?;
        let known = self
            .users
            .iter()
            .find(|user| user.name == name && name != TOKEN_USER);
        if let Some(user) = known {
            return Some(Access::user(user, origin));
        }
        let user = User {
            name: name.chars().take(64).collect(),
            role: proxy.others?,
            accounts: None,
            token: None,
            password: None,
        };
        Some(Access::user(&user, origin))
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
        let says_same = text(headers, SITE) == Some("same-origin");
        if says_same || origin.is_none_or(|origin| is_origin_of(origin, host)) {
            Ok(())
        } else {
            Err(Rejection::Origin)
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}

/// What a browser says of where a request comes from.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns a header; `None` if it is absent, `?` if it is no text, which matches no host.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
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
            Self::Origin | Self::NoToken | Self::NoUsers | Self::Role | Self::Csrf => {
                StatusCode::FORBIDDEN
            }
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

    fn check(guard: &Guard, headers: &[(&'static str, &str)]) -> Result<(), Rejection> {
        guard.check_host(&map(headers))
    }

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = headers.iter();
        let pairs = pairs.map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    fn guard(token: Option<&str>) -> Guard {
        let token = token.map(Secret::new);
        Guard::new(vec!["hook.example".into()], token.as_ref())
    }

    #[test]
    fn a_name_that_is_not_ours_reads_nothing() {
        let guard = guard(None);
        let read = |host: &str| check(&guard, &[("host", host)]);
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
        assert_eq!(check(&guard, &[]), Ok(()), "no browser");
    }

    #[test]
    fn a_page_of_another_site_reads_and_changes_nothing() {
        let guard = guard(Some("horse"));
        for origin in ["http://evil.example", "null", "http://127.0.0.1:9999"] {
            for site in ["cross-site", "same-site", "none", "same-origin"] {
                let headers = [
                    ("host", "127.0.0.1:8085"),
                    ("origin", origin),
                    ("sec-fetch-site", site),
                    ("authorization", "Bearer horse"),
                ];
                let allowed = site == "same-origin";
                let wanted = if allowed {
                    Ok(())
                } else {
                    Err(Rejection::Origin)
                };
                assert_eq!(check(&guard, &headers), wanted, "{origin} {site}");
            }
            let without = [("host", "127.0.0.1:8085"), ("origin", origin)];
            assert_eq!(check(&guard, &without), Err(Rejection::Origin));
        }
        // The browser's word does not make a name ours.
        let rebound = [("host", "evil.example"), ("sec-fetch-site", "same-origin")];
        assert_eq!(check(&guard, &rebound), Err(Rejection::Host));
        assert!(!format!("{guard:?}").contains("horse"));
    }

    fn proxied(others: Option<Role>) -> Guard {
        let ann = User {
            name: "ann".into(),
            role: Role::Operator,
            accounts: None,
            token: None,
            password: None,
        };
        let proxy = TrustedProxy {
            header: "x-forwarded-user".into(),
            from: vec!["10.0.0.1/32".parse().unwrap()],
            others,
        };
        guard(Some("horse")).with_users(vec![ann], Some(proxy))
    }

    #[test]
    fn a_proxys_word_counts_from_its_address_alone() {
        let [proxy, stranger] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        let named = |others, peer, headers: &[(&'static str, &str)]| {
            let access = proxied(others).named_by_proxy(peer, peer, &map(headers));
            access.map(|access| (access.name().to_owned(), access.role()))
        };
        let ann = [("x-forwarded-user", "ann")];
        let ben = [("x-forwarded-user", "ben")];
        let operator = |name: &str| Some((name.to_owned(), Role::Operator));
        let viewer = |name: &str| Some((name.to_owned(), Role::Viewer));
        for (others, peer, headers, wanted) in [
            (None, proxy, &ann[..], operator("ann")),
            (None, stranger, &ann, None),
            (None, proxy, &ben, None),
            (Some(Role::Viewer), proxy, &ben, viewer("ben")),
            (Some(Role::Viewer), stranger, &ben, None),
            (Some(Role::Viewer), proxy, &[], None),
            (Some(Role::Viewer), proxy, &[("x-forwarded-user", "")], None),
            (
                Some(Role::Viewer),
                proxy,
                &[("x-forwarded-user", TOKEN_USER)],
                viewer(TOKEN_USER),
            ),
        ] {
            assert_eq!(named(others, peer, headers), wanted, "{peer} {headers:?}");
        }
        let mut twice = map(&ann);
        twice.append("x-forwarded-user", HeaderValue::from_static("ben"));
        let access = proxied(Some(Role::Viewer)).named_by_proxy(proxy, proxy, &twice);
        assert!(access.is_none(), "two names are none");
    }

    #[test]
    fn the_clients_address_is_what_a_trusted_proxy_saw_last() {
        let [proxy, stranger] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        for (peer, forwarded, wanted) in [
            (proxy, "192.0.2.7", "192.0.2.7"),
            (proxy, "1.1.1.1, 192.0.2.7", "192.0.2.7"),
            (proxy, "unknown", "10.0.0.1"),
            (stranger, "192.0.2.7", "10.0.0.2"),
        ] {
            let headers = map(&[("x-forwarded-for", forwarded)]);
            let client = proxied(None).client(peer, &headers);
            assert_eq!(client.to_string(), wanted, "{peer} {forwarded}");
        }
    }
}
