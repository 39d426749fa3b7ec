//! A webhook's configuration as plain values, not yet compiled.

use std::ops::RangeInclusive;
use std::time::Duration;

use switchhook_core::outcome::{Failure, Reason};
use switchhook_core::secret::Secret;

/// A query parameter, header or form field: a name and a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTemplate {
    /// The name as sent.
    pub name: String,
    /// Template of the value.
    pub value: String,
    /// A missing variable fails the webhook call. Otherwise the entry is left out.
    pub mandatory: bool,
}

/// The request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The predefined document as far as the call has come. Sent with `POST`, `PUT` and `PATCH`;
    /// other methods send no body.
    Predefined,
    /// Template of a JSON document.
    Json(String),
    /// Template of an XML document.
    Xml(String),
    /// `application/x-www-form-urlencoded` fields.
    Form(Vec<NamedTemplate>),
    /// Template of plain text.
    Text(String),
}

/// How a request authenticates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// No authentication.
    None,
    /// `Authorization: Basic`.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
    },
    /// `Authorization: Bearer`.
    Bearer(Secret),
    /// A bearer token of OAuth 2.0 client credentials.
    OAuth2(OAuth2),
}

/// The source of bearer tokens (RFC 6749, 4.4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OAuth2 {
    /// The token endpoint.
    pub token_url: String,
    /// Our client id.
    pub client_id: String,
    /// Our client secret.
    pub client_secret: Secret,
    /// Where the client id and secret stand in the request.
    pub secret_in: SecretIn,
    /// The scope to request.
    pub scope: Option<String>,
    /// The audience to request, as Auth0 and others want it.
    pub audience: Option<String>,
    /// The resource to request (RFC 8707).
    pub resource: Option<String>,
    /// Further parameters of the request.
    pub params: Vec<(String, String)>,
}

/// Where a token request has the client's id and secret (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretIn {
    /// `Authorization: Basic`.
    #[default]
    Basic,
    /// The parameters `client_id` and `client_secret`.
    Body,
}

/// The minimum TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and its chain, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: Secret,
}

/// TLS settings of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Authorities to trust in place of the system's, PEM.
    pub ca: Option<String>,
    /// The client certificate.
    pub identity: Option<Identity>,
    /// The minimum version.
    pub min_version: TlsVersion,
}

/// How the response is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseType {
    /// RFC 9535 JSONPath finds the values.
    Json,
    /// XPath finds the values.
    Xml,
    /// A regular expression's group finds the values.
    Text,
}

/// The characters that a mapped value may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueKind {
    /// Any text; made inert.
    #[default]
    Text,
    /// `[A-Za-z0-9_.-]`, at most 64: may be given to `transfer` or `bridge`.
    Word,
    /// `[0-9+*#]`, at most 32: may be given to `transfer` or `bridge`.
    Digits,
}

/// One entry of `response.map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Variable name without `flow.key.`.
    pub name: String,
    /// JSONPath, XPath or regular expression.
    pub path: String,
    /// The characters that the value may have.
    pub kind: ValueKind,
    /// Used if the path finds nothing; `None` makes the path required.
    pub default: Option<String>,
}

/// How a response is read, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseOptions {
    /// How the body is parsed.
    pub kind: ResponseType,
    /// Which values become variables.
    pub map: Vec<Mapping>,
    /// Bytes of body read, after decompression.
    pub limit: usize,
    /// A path whose match is a failure, whatever the status.
    pub fault: Option<String>,
}

/// The version of HTTP that a webhook's requests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersion {
    /// HTTP/2 where the server offers it during the TLS handshake, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, without TLS too.
    Http2,
}

/// How connections to a webhook are made, and how long they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// The version of HTTP.
    pub version: HttpVersion,
    /// How long a connection without requests is kept for the next one; zero keeps none.
    pub idle: Duration,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            version: HttpVersion::Auto,
            // Many servers close after 5 s (Node, uvicorn, hypercorn, Apache). A connection that is
            // given up first is never used while its server closes it.
            idle: Duration::from_secs(4),
        }
    }
}

/// What makes another try follow a failed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryOn {
    /// DNS, connect, TLS or a reset.
    Connection,
    /// No whole answer in time.
    Timeout,
    /// An HTTP status within these bounds.
    Statuses(RangeInclusive<u16>),
}

/// How often a request is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOptions {
    /// Tries at most; each URL has at least one.
    pub attempts: u32,
    /// The failures after which another try follows.
    pub on: Vec<RetryOn>,
    /// When a try is given up after which another may follow; `None`: the tries share the time that
    /// is left. The last one has all of it.
    pub attempt_timeout: Option<Duration>,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            attempts: 1,
            on: vec![
                RetryOn::Connection,
                RetryOn::Timeout,
                RetryOn::Statuses(429..=429),
                RetryOn::Statuses(500..=599),
            ],
            attempt_timeout: None,
        }
    }
}

impl RetryOptions {
    /// Returns whether another try follows one that ended like this. `status` is that of the
    /// webhook, or of the token endpoint if that gave no token.
    pub(crate) fn applies(&self, status: Option<u16>, failure: Option<&Failure>) -> bool {
        let reason = failure.map(|failure| failure.reason);
        self.on.iter().any(|on| match on {
            RetryOn::Connection => reason == Some(Reason::ConnectionFailure),
            RetryOn::Timeout => reason == Some(Reason::Timeout),
            RetryOn::Statuses(statuses) => match (status, reason) {
                (Some(status), None | Some(Reason::HttpStatus | Reason::AuthenticationFailure)) => {
                    statuses.contains(&status)
                }
                (Some(_) | None, Some(_)) | (None, None) => false,
            },
        })
    }
}

/// The minimum that RFC 9113 (6.5.2) recommends for servers, and a common setting.
const HTTP2_STREAMS: usize = 100;

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookOptions {
    /// HTTP method.
    pub method: String,
    /// Template of the URL.
    pub url: String,
    /// Templates of further URLs, for tries after a failed one.
    pub fallback_urls: Vec<String>,
    /// Query parameters, added to those of the URL.
    pub query: Vec<NamedTemplate>,
    /// Headers.
    pub headers: Vec<NamedTemplate>,
    /// Body.
    pub body: Body,
    /// Authentication.
    pub auth: Auth,
    /// TLS settings.
    pub tls: Tls,
    /// One deadline over DNS, connect, TLS, sending, headers and body; at most 60 s.
    pub timeout: Duration,
    /// Requests that one HTTP/2 connection carries at once; further requests get another
    /// connection. Above the server's own limit requests wait for each other.
    pub http2_streams: usize,
    /// How its connections are made and kept.
    pub connection: ConnectionOptions,
    /// How often a request is tried.
    pub retry: RetryOptions,
    /// How the response is read.
    pub response: ResponseOptions,
}

impl Default for ResponseOptions {
    fn default() -> Self {
        Self {
            kind: ResponseType::Json,
            map: Vec::new(),
            limit: 64 * 1024,
            fault: None,
        }
    }
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            method: "POST".into(),
            url: String::new(),
            fallback_urls: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Predefined,
            auth: Auth::None,
            tls: Tls::default(),
            timeout: Duration::from_secs(10),
            http2_streams: HTTP2_STREAMS,
            connection: ConnectionOptions::default(),
            retry: RetryOptions::default(),
            response: ResponseOptions::default(),
        }
    }
}
