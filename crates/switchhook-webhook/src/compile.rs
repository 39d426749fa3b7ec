//! Compiles a webhook's options: every template and path, with all errors reported at once.

mod body_probe;
mod compiler;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use rustls::ClientConfig;
use url::Url;

use super::comparisons::Comparisons;
use super::compile_error::CompileError;
use super::context::{ProbeValue, Scope};
use super::expiry::Expiries;
use super::options::{ConnectionOptions, RetryOptions, Tls, WebhookOptions};
use super::response::ResponseParser;
use super::template::{TemplateId, Templates};
use super::tls::{self, CompiledTls};
use super::token::Tokens;
use super::url as address;
use compiler::Compiler;

/// The longest timeout of a webhook, and so the longest wait of a caller.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// One compiled webhook. Built once, shared by all calls.
///
/// `Debug` prints only the name, because templates may hold values that must not be logged.
pub struct Webhook {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) templates: Templates,
    pub(super) url: UrlPlan,
    pub(super) fallback_urls: Vec<UrlPlan>,
    pub(super) query: Vec<Field>,
    pub(super) headers: Vec<Field>,
    pub(super) body: BodyPlan,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) tokens: Option<Tokens>,
    pub(super) own_tls: Option<CompiledTls>,
    expiries: Expiries,
    pub(super) timeout: Duration,
    pub(super) http2_streams: usize,
    pub(super) connection: ConnectionOptions,
    pub(super) retry: RetryOptions,
    /// Reads its responses.
    pub answer: ResponseParser,
    pub(super) reads: Vec<String>,
    pub(super) branches: Arc<BTreeSet<String>>,
    /// Names that exist only after the call, each with the setting that reads it.
    pub(super) after_only: Vec<(String, String)>,
    /// What the templates compare with each other.
    pub(super) comparisons: Comparisons,
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
    pub value: TemplateId,
    pub mandatory: bool,
}

/// The request's URL.
pub(super) enum UrlPlan {
    /// A URL without values, parsed once.
    Fixed(Url),
    Template(TemplateId),
}

/// A compiled [`Body`](super::options::Body).
#[derive(Debug)]
pub(super) enum BodyPlan {
    Nothing,
    Predefined,
    Json(TemplateId),
    Xml(TemplateId),
    Form(Vec<Field>),
    Text(TemplateId),
}

impl Webhook {
    /// Compiles the options of the webhook `name`.
    ///
    /// # Errors
    /// Every error that is visible without a call, each with its cure.
    pub fn compile(name: &str, options: WebhookOptions) -> Result<Self, Vec<CompileError>> {
        let mut compiler = Compiler::default();
        let compiled = compiler.webhook(name, &options);
        match compiled {
            Some(webhook) if compiler.errors.is_empty() => Ok(webhook),
            Some(_) | None => Err(compiler.errors),
        }
    }

    /// Returns the name that dialplans use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the deadline of one request, at most [`MAX_TIMEOUT`].
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns how many bytes of a response body are read, after decompression.
    #[must_use]
    pub(crate) fn response_limit(&self) -> usize {
        self.answer.limit()
    }

    /// Returns the variables that the response sets, without `flow.key.`, in the configured
    /// order.
    pub fn mapped_names(&self) -> impl Iterator<Item = &str> {
        self.answer.names()
    }

    /// Returns the headers that the templates name literally, `variable_` included, sorted.
    ///
    /// A plain Event Socket reply leaves `%XX` in values unescaped. The owner of such a reply
    /// fetches values with `%` again from the switch. Names that a template computes are not in
    /// the list; [`super::context::HeaderRecorder`] sees them.
    #[must_use]
    pub fn headers_read(&self) -> &[String] {
        &self.reads
    }

    /// Returns the URL with `1` for every value, for checks without a call; `None` if that is no
    /// URL.
    #[must_use]
    pub fn sample_url(&self) -> Option<Url> {
        self.sample_of(&self.url)
    }

    /// Returns the `fallback_urls` like [`Self::sample_url`].
    pub fn sample_fallback_urls(&self) -> impl Iterator<Item = Url> {
        let all = self.fallback_urls.iter();
        all.filter_map(|url| self.sample_of(url))
    }

    fn sample_of(&self, url: &UrlPlan) -> Option<Url> {
        match url {
            UrlPlan::Fixed(url) => Some(url.clone()),
            UrlPlan::Template(url) => sample(&self.templates, url, &self.branches)?.ok(),
        }
    }

    /// Returns the names that exist only after the call, each with the setting that reads it.
    pub fn names_after_the_call(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.after_only.iter();
        names.map(|(key, name)| (key.as_str(), name.as_str()))
    }

    /// Returns whether a request has only one try, at one URL.
    #[must_use]
    pub fn is_tried_once(&self) -> bool {
        self.retry.attempts <= 1 && self.fallback_urls.is_empty()
    }

    /// Returns its own TLS settings; `None` if it uses the system's.
    #[must_use]
    pub fn own_tls(&self) -> Option<&CompiledTls> {
        self.own_tls.as_ref()
    }

    /// Returns the TLS settings of its requests, its own or the system's.
    ///
    /// # Errors
    /// If the system's certificates cannot be read.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, CompileError> {
        match &self.own_tls {
            Some(own_tls) => Ok(Arc::clone(own_tls.config())),
            None => tls::config(&Tls::default()).map(Arc::new),
        }
    }

    /// Returns how many requests one HTTP/2 connection carries at once.
    #[must_use]
    pub fn http2_streams(&self) -> usize {
        self.http2_streams
    }

    /// Returns the token endpoint if its `auth` is OAuth 2.0.
    #[must_use]
    pub fn token_url(&self) -> Option<&Url> {
        self.tokens.as_ref().map(Tokens::url)
    }

    /// Returns each kind of credential that it shows to its server, as the metric
    /// [`CREDENTIAL_EXPIRES`](switchhook_core::metric_names::CREDENTIAL_EXPIRES) names it, with the
    /// second since 1970 at which it expires.
    #[must_use]
    pub fn credential_expiries(&self) -> [(&'static str, Option<u64>); 2] {
        self.expiries.by_kind()
    }

    /// Sets the `Authorization` header, marked sensitive, if the webhook has one.
    ///
    /// [`Self::prepare`] includes this. Call it for a request that was stored without the header.
    /// OAuth 2.0 tokens are added when the request is sent.
    pub fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.authorization {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
    }
}

/// Renders a URL with a value for every name; `None` if the template does not render.
fn sample(
    templates: &Templates,
    url: &TemplateId,
    branches: &Arc<BTreeSet<String>>,
) -> Option<Result<Url, address::UrlError>> {
    let scope = Scope::probe(ProbeValue::Text("1"), Arc::clone(branches));
    let rendered = templates.render(url, &scope.root()).ok()?;
    Some(address::finish(&rendered))
}
