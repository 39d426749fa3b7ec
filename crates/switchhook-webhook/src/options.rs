//! A webhook as its operator describes it: plain values, not yet compiled.

use std::time::Duration;

use switchhook_core::secret::Secret;

/// A query parameter, header or form field: a name and a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as sent.
    pub name: String,
    /// Template of the value.
    pub value: String,
    /// A variable that is missing fails the widget; otherwise the entry is left out.
    pub mandatory: bool,
}

/// The request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The predefined document as far as the call has come (`POST`, `PUT`, `PATCH`;
    /// other methods send no body).
    Predefined,
    /// Template of a JSON document.
    Json(String),
    /// Template of an XML document.
    Xml(String),
    /// `application/x-www-form-urlencoded` fields.
    Form(Vec<Entry>),
    /// Template of plain text.
    Text(String),
}

/// How we say who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
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

/// Where bearer tokens come from (RFC 6749, 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2 {
    /// The token endpoint.
    pub token_url: String,
    /// Who we are to it.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Secret,
    /// What the token is to allow.
    pub scope: Option<String>,
}

/// The least version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// What we show to a server that wants a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Our certificate and those that lead to its authority, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: Secret,
}

/// How connections to a webhook are secured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The authorities that are trusted in place of the system's, PEM.
    pub ca: Option<String>,
    /// Our certificate.
    pub identity: Option<Identity>,
    /// Older versions are refused.
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

/// What a mapped value must be made of.
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
    /// What the value must be made of.
    pub kind: ValueKind,
    /// Taken when the path finds nothing; `None` means that the path is required.
    pub default: Option<String>,
}

/// How the response is read and limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseOptions {
    /// How the body is parsed.
    pub kind: ResponseType,
    /// Which values become variables.
    pub map: Vec<Mapping>,
    /// Bytes of body read, after decompression.
    pub limit: usize,
}

/// The least that RFC 9113 (6.5.2) recommends that servers allow, and what many do.
const HTTP2_STREAMS: usize = 100;

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookOptions {
    /// HTTP method.
    pub method: String,
    /// Template of the URL.
    pub url: String,
    /// Query parameters, added to those of the URL.
    pub query: Vec<Entry>,
    /// Headers.
    pub headers: Vec<Entry>,
    /// Body.
    pub body: Body,
    /// Who we are.
    pub auth: Auth,
    /// How its connections are secured.
    pub tls: Tls,
    /// One deadline over DNS, connect, TLS, sending, headers and body; at most 60 s.
    pub timeout: Duration,
    /// Requests that one HTTP/2 connection carries at once; those above it get another
    /// connection. At most what the server allows, or they wait for each other there.
    pub http2_streams: usize,
    /// What is made of the answer.
    pub response: ResponseOptions,
}

impl Default for ResponseOptions {
    fn default() -> Self {
        Self {
            kind: ResponseType::Json,
            map: Vec::new(),
            limit: 64 * 1024,
        }
    }
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            method: "POST".into(),
            url: String::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Predefined,
            auth: Auth::None,
            tls: Tls::default(),
            timeout: Duration::from_secs(10),
            http2_streams: HTTP2_STREAMS,
            response: ResponseOptions::default(),
        }
    }
}
