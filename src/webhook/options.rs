//! A webhook as its operator describes it: plain values, not yet compiled.

use std::fmt;
use std::time::Duration;

/// A password or token. `Debug` and `Display` never show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value` from being printed.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

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
pub enum Kind {
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
    pub kind: Kind,
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

/// One webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
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
    /// One deadline over DNS, connect, TLS, sending, headers and body; at most 60 s.
    pub timeout: Duration,
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

impl Default for Options {
    fn default() -> Self {
        Self {
            method: "POST".into(),
            url: String::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Predefined,
            auth: Auth::None,
            timeout: Duration::from_secs(10),
            response: ResponseOptions::default(),
        }
    }
}
