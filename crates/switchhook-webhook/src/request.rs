//! Renders a webhook's request for one call.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;
use url::form_urlencoded;

use super::compile::{BodyPlan, Field, UrlPlan, Webhook};
use super::context::Scope;
use super::json::{self, JsonBodyError};
use super::prepared::Prepared;
use super::template::{RenderError, TemplateId};
use super::{url as address, xml};
use switchhook_core::headers::Headers;
use switchhook_core::outcome::{Failure, Reason};

/// Renders of one template before it fails; each finds at least one name that was not known
/// before.
const MAX_RENDERS: usize = 32;
/// Larger bodies are refused.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The values of one call that a request is made from.
pub struct CallContext<'a> {
    /// The channel's headers.
    pub headers: &'a dyn Headers,
    /// The document of a finished call. Its fields are names for templates, and its `call` object
    /// joins `call.NAME`.
    pub document: Option<&'a serde_json::Value>,
    /// Makes the predefined document as JSON; called only if the body needs it.
    pub predefined: &'a dyn Fn() -> Vec<u8>,
}

impl Webhook {
    /// Renders the request for one call.
    ///
    /// # Errors
    /// [`Reason::InvalidFlowVar`] if a mandatory variable is missing or not allowed in its place;
    /// [`Reason::InvalidRequest`] if the URL, a header or the body is not valid.
    pub fn prepare(&self, call: &CallContext<'_>) -> Result<Prepared, Failure> {
        let scope = Scope::new(call.document, self.branches.clone());
        scope.fetch(&self.reads, call.headers);
        let render = Render {
            webhook: self,
            scope,
            call,
        };
        render.check_comparisons()?;
        let url = render.url(&self.url)?;
        let fallback_urls = self
            .fallback_urls
            .iter()
            .map(|url| render.url(url))
            .collect();
        let mut headers = render.headers()?;
        let body = render.body(&mut headers)?;
        self.authorize(&mut headers);
        Ok(Prepared {
            method: self.method.clone(),
            url,
            fallback_urls,
            headers,
            body,
        })
    }
}

struct Render<'a> {
    webhook: &'a Webhook,
    scope: std::sync::Arc<Scope>,
    call: &'a CallContext<'a>,
}

impl Render<'_> {
    /// A text beside a number would compare by their kinds, so that `"2" > 3`.
    fn check_comparisons(&self) -> Result<(), Failure> {
        let found = self.webhook.comparisons.unequal_kinds(&self.scope);
        found.map_or(Ok(()), |sentence| Err(invalid(sentence)))
    }

    fn text(&self, handle: &TemplateId) -> Result<String, RenderError> {
        let root = self.scope.root();
        for _ in 0..MAX_RENDERS {
            self.scope.start();
            let rendered = self.webhook.templates.render(handle, &root);
            if !self.scope.fetch_wanted(self.call.headers) {
                return rendered;
            }
        }
        Err(RenderError::Broken("it computes too many names".into()))
    }

    fn fail(&self, what: &str, failed: RenderError) -> Failure {
        match failed {
            RenderError::Missing => {
                let name = self.scope.missing();
                let name = name.as_deref().unwrap_or("the value of an expression");
                Failure::new(
                    Reason::InvalidFlowVar,
                    format!("{what} needs {name}, which is not set or is empty"),
                )
            }
            RenderError::Broken(words) => Failure::new(
                Reason::InvalidRequest,
                format!("{what} could not be made from its template: {words}"),
            ),
        }
    }

    /// Renders one URL with its query.
    fn url(&self, plan: &UrlPlan) -> Result<Url, Failure> {
        let mut url = match plan {
            UrlPlan::Fixed(url) => url.clone(),
            UrlPlan::Template(handle) => self.url_of(handle)?,
        };
        self.query(&mut url)?;
        Ok(url)
    }

    fn url_of(&self, handle: &TemplateId) -> Result<Url, Failure> {
        let text = self.text(handle);
        let text = text.map_err(|failed| self.fail("the URL", failed))?;
        address::finish(&text).map_err(|error| match error {
            address::UrlError::Value(what) => Failure::new(Reason::InvalidFlowVar, what),
            address::UrlError::Url(what) => Failure::new(
                Reason::InvalidRequest,
                format!("the URL is not valid: {what}"),
            ),
        })
    }

    fn query(&self, url: &mut Url) -> Result<(), Failure> {
        for field in &self.webhook.query {
            let what = format!("query parameter {}", field.name);
            if let Some(value) = self.entry(field, &what)? {
                url.query_pairs_mut().append_pair(&field.name, &value);
            }
        }
        Ok(())
    }

    /// Returns an entry's text; `None` if it is optional and lacks its variable.
    fn entry(&self, field: &Field, what: &str) -> Result<Option<String>, Failure> {
        match self.text(&field.value) {
            Ok(text) => Ok(Some(text)),
            Err(RenderError::Missing) if !field.mandatory => Ok(None),
            Err(failed) => Err(self.fail(what, failed)),
        }
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::with_capacity(self.webhook.headers.len() + 2);
        for field in &self.webhook.headers {
            let what = format!("header {}", field.name);
            if let Some(text) = self.entry(field, &what)? {
                let name = HeaderName::from_bytes(field.name.as_bytes());
                let name = name.map_err(|_| invalid(format!("{what} has no valid name")))?;
                headers.insert(name, header_value(&text, &what)?);
            }
        }
        Ok(headers)
    }

    fn body(&self, headers: &mut HeaderMap) -> Result<Bytes, Failure> {
        let (kind, bytes) = match &self.webhook.body {
            BodyPlan::Nothing => return Ok(Bytes::new()),
            BodyPlan::Predefined => ("application/json", (self.call.predefined)()),
            BodyPlan::Json(handle) => ("application/json", self.json(handle)?.into_bytes()),
            BodyPlan::Xml(handle) => (
                "application/xml; charset=utf-8",
                self.xml(handle)?.into_bytes(),
            ),
            BodyPlan::Form(fields) => (
                "application/x-www-form-urlencoded",
                self.form(fields)?.into_bytes(),
            ),
            BodyPlan::Text(handle) => {
                let text = self.text(handle);
                let text = text.map_err(|failed| self.fail("the text body", failed))?;
                ("text/plain; charset=utf-8", text.into_bytes())
            }
        };
        if bytes.len() > MAX_BODY_BYTES {
            return Err(invalid(format!(
                "the body is larger than {MAX_BODY_BYTES} bytes"
            )));
        }
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(kind));
        // A call on hold keeps it in memory, so it gets its exact size.
        Ok(bytes.into_boxed_slice().into())
    }

    fn json(&self, handle: &TemplateId) -> Result<String, Failure> {
        let text = self.text(handle);
        let text = text.map_err(|failed| self.fail("the JSON body", failed))?;
        json::finish(&text).map_err(|error| {
            invalid(match error {
                JsonBodyError::Unquoted => {
                    "the JSON body has a value outside of quotes that is not a number, \
                                true, false or null; put quotes around it or use | tojson"
                        .into()
                }
                JsonBodyError::Invalid(words) => {
                    format!("the JSON body is not valid JSON: {words}")
                }
            })
        })
    }

    fn xml(&self, handle: &TemplateId) -> Result<String, Failure> {
        let text = self.text(handle);
        let text = text.map_err(|failed| self.fail("the XML body", failed))?;
        match xml::check(&text) {
            Ok(()) => Ok(text),
            Err(words) => Err(invalid(format!("the XML body is not well-formed: {words}"))),
        }
    }

    fn form(&self, fields: &[Field]) -> Result<String, Failure> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for field in fields {
            let text = self.text(&field.value);
            let what = format!("form field {}", field.name);
            let text = text.map_err(|failed| self.fail(&what, failed))?;
            form.append_pair(&field.name, &text);
        }
        Ok(form.finish())
    }
}

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::new(Reason::InvalidRequest, detail)
}

/// Checks a header's value. UTF-8 is sent as it is (RFC 9110 `obs-text`); control characters
/// other than tab are refused.
fn header_value(text: &str, what: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        invalid(format!(
            "{what} would contain a line break or another control character"
        ))
    })
}
