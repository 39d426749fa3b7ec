//! Compiles a webhook, one function per setting; each adds its errors.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

use super::{BodyPlan, Field, MAX_TIMEOUT, UrlPlan, Webhook, body_probe, sample};
use crate::compile_error::CompileError;
use crate::context::{ProbeValue, Scope, is_only_after, misspelt};
use crate::expiry::Expiries;
use crate::options::{Auth, Body, NamedTemplate, WebhookOptions};
use crate::response::ResponseParser;
use crate::template::{TemplateId, TemplatePlace, Templates};
use crate::template_names::TemplateNames;
use crate::tls::CompiledTls;
use crate::token::Tokens;
use crate::url as address;

/// Headers that the connection sets and the operator may not.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const FALLBACK_URLS: &str = "fallback_urls";
/// A caller waits for all of them in turn.
const MAX_FALLBACK_URLS: usize = 4;

/// Collects errors while it compiles.
#[derive(Default)]
pub(super) struct Compiler {
    pub(super) errors: Vec<CompileError>,
    names: TemplateNames,
}

impl Compiler {
    fn error(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.errors.push(CompileError::new(key, what, help));
    }

    pub(super) fn webhook(&mut self, name: &str, options: &WebhookOptions) -> Option<Webhook> {
        let mut templates = Templates::new();
        let method = self.method(&options.method);
        let url = self.url(&mut templates, ("url", "url"), &options.url);
        let fallback_urls = self.fallback_urls(&mut templates, &options.fallback_urls);
        let query = self.fields(
            &mut templates,
            "query",
            TemplatePlace::Entry,
            &options.query,
        );
        let headers = self.headers(&mut templates, options);
        let body = self.body(&mut templates, &options.body, method.as_ref());
        let authorization = self.authorization(&options.auth);
        let tokens = match &options.auth {
            Auth::OAuth2(oauth2) => Tokens::compile(oauth2, &mut self.errors),
            Auth::None | Auth::Basic { .. } | Auth::Bearer(_) => None,
        };
        let own_tls = CompiledTls::compile(&options.tls, &mut self.errors);
        self.timeout(options.timeout);
        if options.http2_streams == 0 {
            let help = "set how many requests a connection carries at once, such as 100";
            self.error(
                "http2_streams",
                "it is 0, so no request could be sent",
                help,
            );
        }
        let answer = ResponseParser::compile(&options.response, &mut self.errors);
        let names = std::mem::take(&mut self.names);
        let branches = Arc::new(names.branches);
        let keyed = fallback_urls.iter().map(|url| (FALLBACK_URLS, url));
        for (key, url) in url.iter().map(|url| ("url", url)).chain(keyed) {
            if let UrlPlan::Template(url) = url {
                self.check_sample(key, sample(&templates, url, &branches));
            }
        }
        Some(Webhook {
            name: name.to_owned(),
            method: method?,
            templates,
            url: url?,
            fallback_urls,
            query,
            headers,
            body: body?,
            authorization,
            tokens,
            own_tls,
            expiries: Expiries::of(options),
            timeout: options.timeout,
            http2_streams: options.http2_streams,
            connection: options.connection,
            retry: options.retry.clone(),
            answer,
            reads: names.headers.into_iter().collect(),
            branches,
            comparisons: names.comparisons,
            after_only: names.after_only,
        })
    }

    fn method(&mut self, method: &str) -> Option<Method> {
        let known = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        let upper = method.to_ascii_uppercase();
        let found = known.into_iter().find(|known| known.as_str() == upper);
        if found.is_none() {
            self.error(
                "method",
                format!("{method:?} is not a method that a webhook can have"),
                "use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS",
            );
        }
        found
    }

    /// Compiles the URL of the setting `key`, as the template `name`.
    fn url(
        &mut self,
        templates: &mut Templates,
        (key, name): (&str, &str),
        source: &str,
    ) -> Option<UrlPlan> {
        if source.is_empty() {
            self.error(
                key,
                "it is not set",
                "set the webhook's URL: url = \"https://…\"",
            );
            return None;
        }
        if let Err((what, help)) = address::check_template(source) {
            self.error(key, what, help);
        }
        // Every tag of a template begins with a brace.
        if source.contains('{') {
            let before = self.errors.len();
            let handle = self.template(templates, TemplatePlace::Url, name, source);
            for error in &mut self.errors[before..] {
                key.clone_into(&mut error.key);
            }
            return handle.map(UrlPlan::Template);
        }
        match address::finish(source) {
            Ok(url) => Some(UrlPlan::Fixed(url)),
            unfit @ Err(_) => {
                self.check_sample(key, Some(unfit));
                None
            }
        }
    }

    fn fallback_urls(&mut self, templates: &mut Templates, sources: &[String]) -> Vec<UrlPlan> {
        if sources.len() > MAX_FALLBACK_URLS {
            let what = format!("these are {} URLs", sources.len());
            let help = format!("keep at most {MAX_FALLBACK_URLS}");
            self.error(FALLBACK_URLS, what, help);
        }
        let compile = |(index, source): (usize, &String)| {
            let name = format!("{FALLBACK_URLS}#{index}");
            self.url(templates, (FALLBACK_URLS, &name), source)
        };
        sources.iter().enumerate().filter_map(compile).collect()
    }

    fn check_sample(&mut self, key: &str, check_sample: Option<Result<Url, address::UrlError>>) {
        let what = match check_sample {
            None | Some(Ok(_)) => return,
            Some(Err(address::UrlError::Value(what))) => what.to_owned(),
            Some(Err(address::UrlError::Url(what))) => format!("this is not a URL: {what}"),
        };
        if !self.errors.iter().any(|error| error.key == key) {
            self.error(key, what, "write a URL such as https://crm.example/callers");
        }
    }

    fn template(
        &mut self,
        templates: &mut Templates,
        place: TemplatePlace,
        key: &str,
        source: &str,
    ) -> Option<TemplateId> {
        match templates.add(place, key, source) {
            Ok(handle) => {
                let names = templates.reads(&handle);
                for unknown in self.names.add(&names, source) {
                    self.unknown(key, &unknown);
                }
                for name in &names {
                    self.check_name(key, name);
                }
                for text in self.names.add_comparisons(source) {
                    self.text_compared(key, &text);
                }
                self.probe(templates, key, &handle);
                Some(handle)
            }
            Err(what) => {
                let help = "write values as {{ flow.key.NAME }}, see minijinja's syntax";
                self.error(key, format!("the template is not valid: {what}"), help);
                None
            }
        }
    }

    fn probe(&mut self, templates: &Templates, key: &str, handle: &TemplateId) {
        let scope = Scope::probe(ProbeValue::Text("1"), Arc::new(self.names.branches.clone()));
        if let Some(what) = templates.unknown(handle, &scope.root()) {
            let help = "use minijinja's filters, tests and functions; every value is escaped for \
                        its place without one";
            self.error(key, format!("the template cannot work: {what}"), help);
        }
    }

    fn check_name(&mut self, key: &str, name: &str) {
        if let Some(near) = misspelt(name) {
            let help = match near {
                Some(near) => format!("did you mean {near}?"),
                None => "switchhook check --print-names prints every name".to_owned(),
            };
            self.error(key, format!("no call has a value named {name}"), help);
        } else if is_only_after(name) {
            let setting = key.split('#').next().unwrap_or(key);
            let found = (setting.to_owned(), name.to_owned());
            self.names.after_only.push(found);
        }
    }

    fn text_compared(&mut self, key: &str, name: &str) {
        let what = format!("the template compares {name}, which is a text, with a number");
        self.error(
            key,
            what,
            format!("write ({name} | int), or compare it with a text in quotes"),
        );
    }

    fn unknown(&mut self, key: &str, root: &str) {
        self.error(
            key,
            format!("templates have no value named {root:?}"),
            "use flow.key.NAME, call.NAME or channel[\"NAME\"]; after the call also callDetails, \
             keys, recordingUrls and document; in events of living calls also type, sequence, \
             time, leg, other and from",
        );
    }

    fn fields(
        &mut self,
        templates: &mut Templates,
        section: &str,
        place: TemplatePlace,
        entries: &[NamedTemplate],
    ) -> Vec<Field> {
        let mut fields = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let key = format!("{section}.{}", entry.name);
            if entry.name.is_empty() {
                self.error(
                    section,
                    "an entry has no name",
                    "give it one, or take it out",
                );
                continue;
            }
            // The index tells apart two entries of one name.
            let unique = format!("{key}#{index}");
            let place = if entry.mandatory {
                TemplatePlace::Entry
            } else {
                place
            };
            let before = self.errors.len();
            let value = self.template(templates, place, &unique, &entry.value);
            for error in &mut self.errors[before..] {
                error.key.clone_from(&key);
            }
            fields.extend(value.map(|value| Field {
                name: entry.name.clone(),
                value,
                mandatory: entry.mandatory,
            }));
        }
        fields
    }

    fn headers(&mut self, templates: &mut Templates, options: &WebhookOptions) -> Vec<Field> {
        let mut seen = HashSet::new();
        for entry in &options.headers {
            let key = format!("headers.{}", entry.name);
            let lower = entry.name.to_ascii_lowercase();
            if HeaderName::from_bytes(entry.name.as_bytes()).is_err() {
                self.error(
                    &key,
                    "this is not a header's name",
                    "use letters, digits and -",
                );
            } else if FRAMING.contains(&lower.as_str()) {
                self.error(&key, "this header belongs to the connection", "take it out");
            } else if lower == "authorization" && options.auth != Auth::None {
                self.error(&key, "auth sets this header too", "keep one of the two");
            }
            if !seen.insert(lower) {
                self.error(&key, "this header is set twice", "keep one of the two");
            }
        }
        self.fields(templates, "headers", TemplatePlace::Entry, &options.headers)
    }

    fn body(
        &mut self,
        templates: &mut Templates,
        body: &Body,
        method: Option<&Method>,
    ) -> Option<BodyPlan> {
        Some(match body {
            Body::Predefined => match method {
                Some(&Method::POST | &Method::PUT | &Method::PATCH) => BodyPlan::Predefined,
                Some(_) | None => BodyPlan::Nothing,
            },
            Body::Json(source) => {
                let key = "body.json";
                let handle = self.template(templates, TemplatePlace::Json, key, source)?;
                self.judge_body(key, body_probe::json(source, &self.names.branches));
                BodyPlan::Json(handle)
            }
            Body::Xml(source) => {
                let key = "body.xml";
                let handle = self.template(templates, TemplatePlace::Xml, key, source)?;
                self.judge_body(key, body_probe::xml(source, &self.names.branches));
                BodyPlan::Xml(handle)
            }
            Body::Form(entries) => {
                BodyPlan::Form(self.fields(templates, "body.form", TemplatePlace::Field, entries))
            }
            Body::Text(source) => BodyPlan::Text(self.template(
                templates,
                TemplatePlace::Text,
                "body.text",
                source,
            )?),
        })
    }

    /// Adds what makes a body wrong in every call, if its template has no other error.
    fn judge_body(&mut self, key: &str, wrong: Option<(String, &str)>) {
        let is_wrong_already = self.errors.iter().any(|error| error.key == key);
        if let Some((what, help)) = wrong.filter(|_| !is_wrong_already) {
            self.error(key, what, help);
        }
    }

    fn authorization(&mut self, auth: &Auth) -> Option<HeaderValue> {
        let (key, text) = match auth {
            Auth::None | Auth::OAuth2(_) => return None,
            Auth::Basic { username, password } => {
                if username.contains(':') {
                    let help = "use a user name without one (RFC 7617)";
                    self.error("auth.basic.username", "it contains a colon", help);
                }
                let pair = format!("{username}:{}", password.reveal());
                ("auth.basic", format!("Basic {}", STANDARD.encode(pair)))
            }
            Auth::Bearer(token) => ("auth.bearer", format!("Bearer {}", token.reveal())),
        };
        match HeaderValue::from_str(&text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                Some(value)
            }
            Err(_) => {
                let help = "look for a line break at the end of the secret's file or variable";
                self.error(
                    key,
                    "the secret contains a character no header can carry",
                    help,
                );
                None
            }
        }
    }

    fn timeout(&mut self, timeout: Duration) {
        if timeout.is_zero() || timeout > MAX_TIMEOUT {
            let what = format!("{timeout:?} is not between 1 ms and 60 s");
            self.error("timeout", what, "a caller waits at most 60s");
        }
    }
}
