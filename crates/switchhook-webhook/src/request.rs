//! One request: a webhook's templates over one call.

use std::fmt;

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;
use url::form_urlencoded;

use super::compile::{BodyPlan, Field, UrlPlan, Webhook};
use super::context::Scope;
use super::json::{self, Unfit};
use super::template::{Failed, Handle};
use super::{redact, url as address, xml};
use switchhook_core::headers::Headers;
use switchhook_core::outcome::{Failure, Reason};

/// Renders of one template before we give up: each finds at least one name that could not
/// be known before.
const ROUNDS: usize = 32;
/// Larger bodies are refused.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// What a request is made from.
pub struct Call<'a> {
    /// The channel.
    pub headers: &'a dyn Headers,
    /// The document of a call that is over: its fields are names for the templates, and
    /// those of its `call` object join `call.NAME`.
    pub document: Option<&'a serde_json::Value>,
    /// Makes the predefined document, as JSON; asked only when the body is that.
    pub predefined: &'a dyn Fn() -> Vec<u8>,
}

/// A request ready to be sent. `Display` shows it with its secrets hidden.
#[derive(Clone)]
pub struct Prepared {
    /// The method.
    pub method: Method,
    /// Where to; `http` or `https`, without user name and password.
    pub url: Url,
    /// The headers; the `Authorization` that `auth` makes is marked sensitive.
    pub headers: HeaderMap,
    /// The body; empty is none.
    pub body: Bytes,
}

impl Webhook {
    /// Renders the request for one call.
    ///
    /// # Errors
    /// [`Reason::InvalidFlowVar`] when a mandatory variable is missing or cannot stand where
    /// it should, [`Reason::InvalidRequest`] when what comes out is no URL, header or body.
    pub fn prepare(&self, call: &Call<'_>) -> Result<Prepared, Failure> {
        let scope = Scope::new(call.document, self.branches.clone());
        scope.fetch(&self.reads, call.headers);
        let render = Render {
            webhook: self,
            scope,
            call,
        };
        let mut url = render.url()?;
        render.query(&mut url)?;
        let mut headers = render.headers()?;
        let body = render.body(&mut headers)?;
        self.authorize(&mut headers);
        Ok(Prepared {
            method: self.method.clone(),
            url,
            headers,
            body,
        })
    }
}

struct Render<'a> {
    webhook: &'a Webhook,
    scope: std::sync::Arc<Scope>,
    call: &'a Call<'a>,
}

impl Render<'_> {
    fn text(&self, handle: &Handle) -> Result<String, Failed> {
        let root = self.scope.root();
        for _ in 0..ROUNDS {
            self.scope.start();
            let rendered = self.webhook.templates.render(handle, &root);
            if !self.scope.fetch_wanted(self.call.headers) {
                return rendered;
            }
        }
        Err(Failed::Broken("it computes too many names".into()))
    }

    fn fail(&self, what: &str, failed: Failed) -> Failure {
        match failed {
            Failed::Missing => {
                let name = self.scope.missing();
                let name = name.as_deref().unwrap_or("the value of an expression");
                Failure::new(
                    Reason::InvalidFlowVar,
                    format!("{what} needs {name}, which is not set or is empty"),
                )
            }
            Failed::Broken(words) => Failure::new(
                Reason::InvalidRequest,
                format!("{what} could not be made from its template: {words}"),
            ),
        }
    }

    fn url(&self) -> Result<Url, Failure> {
        let handle = match &self.webhook.url {
            UrlPlan::Fixed(url) => return Ok(url.clone()),
            UrlPlan::Template(handle) => handle,
        };
        let text = self.text(handle);
        let text = text.map_err(|failed| self.fail("the URL", failed))?;
        address::finish(&text).map_err(|unfit| match unfit {
            address::Unfit::Value(what) => Failure::new(Reason::InvalidFlowVar, what),
            address::Unfit::Url(what) => Failure::new(
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

    /// An entry's text; `None` when it lacks its variable and may.
    fn entry(&self, field: &Field, what: &str) -> Result<Option<String>, Failure> {
        match self.text(&field.value) {
            Ok(text) => Ok(Some(text)),
            Err(Failed::Missing) if !field.mandatory => Ok(None),
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
        if bytes.len() > LARGEST_BODY {
            return Err(invalid(format!(
                "the body is larger than {LARGEST_BODY} bytes"
            )));
        }
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static(kind));
        Ok(bytes.into())
    }

    fn json(&self, handle: &Handle) -> Result<String, Failure> {
        let text = self.text(handle);
        let text = text.map_err(|failed| self.fail("the JSON body", failed))?;
        json::finish(&text).map_err(|unfit| {
            invalid(match unfit {
                Unfit::Bare => "the JSON body has a value outside of quotes that is not a number, \
                                true, false or null; put quotes around it or use | tojson"
                    .into(),
                Unfit::Invalid(words) => format!("the JSON body is not valid JSON: {words}"),
            })
        })
    }

    fn xml(&self, handle: &Handle) -> Result<String, Failure> {
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

/// A header's value: UTF-8 is sent as it is (RFC 9110 `obs-text`); no control character
/// but the tab is.
fn header_value(text: &str, what: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        invalid(format!(
            "{what} would contain a line break or another control character"
        ))
    })
}

/// Characters of a URL that are told.
const LINE: usize = 512;

impl Prepared {
    /// Method and URL as a person may see them, secrets hidden; a long one is cut.
    #[must_use]
    pub fn line(&self) -> String {
        let url = redact::url(&self.url);
        let end = url.char_indices().nth(LINE).map(|(at, _)| at);
        let told = &url[..end.unwrap_or(url.len())];
        // A call on hold keeps it: one allocation, of its size.
        [self.method.as_str(), " ", told, end.map_or("", |_| "…")].concat()
    }

    /// The request as a person may see it: method, URL, headers and body, secrets hidden.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut out = format!("{} {}\n", self.method, redact::url(&self.url));
        for (name, value) in &self.headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = match value.is_sensitive() {
                true => redact::SECRET,
                false => redact::header(name.as_str(), &text),
            };
            out.push_str(&format!("{name}: {text}\n"));
        }
        if !self.body.is_empty() {
            out.push('\n');
            out.push_str(&String::from_utf8_lossy(&self.body));
        }
        out
    }
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}
