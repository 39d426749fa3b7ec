//! A webhook's description made ready: every template and path compiled, every fault told.

mod compiler;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use rustls::ClientConfig;
use url::Url;

use super::answer::Answer;
use super::context::Scope;
use super::options::{Tls, WebhookOptions};
use super::template::{Handle, Templates};
use super::tls::{self, Secured};
use super::token::Tokens;
use super::url as address;
use compiler::Compiler;

/// The longest that a caller waits.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// One thing wrong with a webhook's description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {help}")]
pub struct CompileError {
    /// The setting, relative to the webhook: `response.map.queue`, `headers.X-Lead`.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

impl CompileError {
    /// A fault with its cure.
    pub fn new(key: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            what: what.into(),
            help: help.into(),
        }
    }
}

/// One webhook, ready to be asked. Built once, used by every call.
///
/// `Debug` shows its name alone: templates may hold what an operator would not log.
pub struct Webhook {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) templates: Templates,
    pub(super) url: UrlPlan,
    pub(super) query: Vec<Field>,
    pub(super) headers: Vec<Field>,
    pub(super) body: BodyPlan,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) tokens: Option<Tokens>,
    pub(super) secured: Option<Secured>,
    pub(super) timeout: Duration,
    pub(super) http2_streams: usize,
    /// How its answers are read.
    pub answer: Answer,
    pub(super) reads: Vec<String>,
    pub(super) branches: Arc<BTreeSet<String>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A named template.
#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub value: Handle,
    pub mandatory: bool,
}

/// Where to ask.
pub(super) enum UrlPlan {
    /// The same for every call, so made once.
    Fixed(Url),
    Template(Handle),
}

/// A compiled [`Body`](super::options::Body).
#[derive(Debug)]
pub(super) enum BodyPlan {
    Nothing,
    Predefined,
    Json(Handle),
    Xml(Handle),
    Form(Vec<Field>),
    Text(Handle),
}

impl Webhook {
    /// Compiles a description.
    ///
    /// # Errors
    /// Every fault that can be seen without a call, each with its cure.
    pub fn compile(name: &str, options: WebhookOptions) -> Result<Self, Vec<CompileError>> {
        let mut compiler = Compiler::default();
        let compiled = compiler.webhook(name, &options);
        match compiled {
            Some(webhook) if compiler.faults.is_empty() => Ok(webhook),
            Some(_) | None => Err(compiler.faults),
        }
    }

    /// The name that the dialplan calls it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The deadline over one request, at most [`LONGEST_TIMEOUT`].
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Bytes of body that are read of an answer, after decompression.
    #[must_use]
    pub(crate) fn response_limit(&self) -> usize {
        self.answer.limit()
    }

    /// The variables that the answer sets, without `flow.key.`, in the order given.
    pub fn mapped_names(&self) -> impl Iterator<Item = &str> {
        self.answer.names()
    }

    /// The headers that the templates spell out, `variable_` included, sorted.
    ///
    /// A plain Event Socket reply leaves `%XX` of a value unescaped, so whoever holds such
    /// a reply reads those of these that contain `%` again from the switch. A name that
    /// is computed in a template is not among them; a [`super::context::Recorder`] sees it.
    #[must_use]
    pub fn headers_read(&self) -> &[String] {
        &self.reads
    }

    /// The URL with `1` for every value, for checks without a call; `None` when such
    /// values make no URL.
    #[must_use]
    pub fn sample_url(&self) -> Option<Url> {
        match &self.url {
            UrlPlan::Fixed(url) => Some(url.clone()),
            UrlPlan::Template(url) => sample(&self.templates, url, &self.branches)?.ok(),
        }
    }

    /// Its own TLS settings, where they differ from the system's.
    #[must_use]
    pub fn secured(&self) -> Option<&Secured> {
        self.secured.as_ref()
    }

    /// The TLS settings that it is asked with, its own or the system's.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, CompileError> {
        match &self.secured {
            Some(secured) => Ok(Arc::clone(secured.config())),
            None => tls::config(&Tls::default()).map(Arc::new),
        }
    }

    /// Requests that one HTTP/2 connection to it carries at once.
    #[must_use]
    pub fn http2_streams(&self) -> usize {
        self.http2_streams
    }

    /// Where its tokens come from, when its `auth` is OAuth 2.0.
    #[must_use]
    pub fn token_url(&self) -> Option<&Url> {
        self.tokens.as_ref().map(Tokens::url)
    }

    /// Sets the `Authorization` header, marked sensitive, if the webhook has one.
    ///
    /// [`Self::prepare`] does it already; this is for a request that was stored without it.
    /// A token of OAuth 2.0 is added where the request is sent.
    pub fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
    }
}

/// Renders a URL with a value for everything; `None` when the template does not render so.
fn sample(
    templates: &Templates,
    url: &Handle,
    branches: &Arc<BTreeSet<String>>,
) -> Option<Result<Url, address::Unfit>> {
    let scope = Scope::probe(Arc::clone(branches));
    let rendered = templates.render(url, &scope.root()).ok()?;
    Some(address::finish(&rendered))
}
