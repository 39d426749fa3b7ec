//! The compiler: one function a setting, each adding its faults.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

use super::{BodyPlan, CompileError, Field, LONGEST_TIMEOUT, UrlPlan, Webhook, sample};
use crate::answer::Answer;
use crate::context::Scope;
use crate::names::Names;
use crate::options::{Auth, Body, Entry, WebhookOptions};
use crate::template::{Handle, TemplatePlace, Templates};
use crate::tls::Secured;
use crate::token::Tokens;
use crate::url as address;

/// Headers that belong to the connection and not to the operator.
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

/// Gathers faults while it compiles.
#[derive(Default)]
pub(super) struct Compiler {
    pub(super) faults: Vec<CompileError>,
    names: Names,
}

impl Compiler {
    fn fault(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.faults.push(CompileError::new(key, what, help));
    }

    pub(super) fn webhook(&mut self, name: &str, options: &WebhookOptions) -> Option<Webhook> {
        let mut templates = Templates::new();
        let method = self.method(&options.method);
        let url = self.url(&mut templates, &options.url);
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
            Auth::OAuth2(oauth2) => Tokens::compile(oauth2, &mut self.faults),
            Auth::None | Auth::Basic { .. } | Auth::Bearer(_) => None,
        };
        let secured = Secured::compile(&options.tls, &mut self.faults);
        self.timeout(options.timeout);
        if options.http2_streams == 0 {
            let help = "say how many requests a connection carries at once, such as 100";
            self.fault("http2_streams", "no request could be sent", help);
        }
        let answer = Answer::compile(&options.response, &mut self.faults);
        let names = std::mem::take(&mut self.names);
        let branches = Arc::new(names.branches);
        if let Some(UrlPlan::Template(url)) = &url {
            self.sampled(sample(&templates, url, &branches));
        }
        Some(Webhook {
            name: name.to_owned(),
            method: method?,
            templates,
            url: url?,
            query,
            headers,
            body: body?,
            authorization,
            tokens,
            secured,
            timeout: options.timeout,
            http2_streams: options.http2_streams,
            answer,
            reads: names.headers.into_iter().collect(),
            branches,
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
            self.fault(
                "method",
                format!("{method:?} is not a method that a webhook can have"),
                "use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS",
            );
        }
        found
    }

    fn url(&mut self, templates: &mut Templates, source: &str) -> Option<UrlPlan> {
        if source.is_empty() {
            self.fault(
                "url",
                "it is not set",
                "say whom to ask: url = \"https://…\"",
            );
            return None;
        }
        if let Err((what, help)) = address::check_template(source) {
            self.fault("url", what, help);
        }
        // Every tag of a template begins with a brace.
        if source.contains('{') {
            let handle = self.template(templates, TemplatePlace::Url, "url", source)?;
            return Some(UrlPlan::Template(handle));
        }
        match address::finish(source) {
            Ok(url) => Some(UrlPlan::Fixed(url)),
            unfit @ Err(_) => {
                self.sampled(Some(unfit));
                None
            }
        }
    }

    fn sampled(&mut self, sampled: Option<Result<Url, address::Unfit>>) {
        let what = match sampled {
            None | Some(Ok(_)) => return,
            Some(Err(address::Unfit::Value(what))) => what.to_owned(),
            Some(Err(address::Unfit::Url(what))) => format!("this is no URL: {what}"),
        };
        if !self.faults.iter().any(|fault| fault.key == "url") {
            self.fault(
                "url",
                what,
                "write a URL such as https://crm.example/callers",
            );
        }
    }

    fn template(
        &mut self,
        templates: &mut Templates,
        place: TemplatePlace,
        key: &str,
        source: &str,
    ) -> Option<Handle> {
        match templates.add(place, key, source) {
            Ok(handle) => {
                let (names, source) = templates.reads(&handle);
                for unknown in self.names.add(&names, &source) {
                    self.unknown(key, &unknown);
                }
                self.probe(templates, key, &handle);
                Some(handle)
            }
            Err(what) => {
                let help = "write values as {{ flow.key.NAME }}, see minijinja's syntax";
                self.fault(key, format!("the template is not valid: {what}"), help);
                None
            }
        }
    }

    fn probe(&mut self, templates: &Templates, key: &str, handle: &Handle) {
        let scope = Scope::probe(Arc::new(self.names.branches.clone()));
        if let Some(what) = templates.unknown(handle, &scope.root()) {
            let help = "use minijinja's filters, tests and functions; every value is escaped for \
                        its place without one";
            self.fault(key, format!("the template cannot work: {what}"), help);
        }
    }

    fn unknown(&mut self, key: &str, root: &str) {
        self.fault(
            key,
            format!("a template knows nothing by the name {root:?}"),
            "use flow.key.NAME, call.NAME or channel[\"NAME\"]; after the call also callDetails, \
             keys, recordingUrls and document",
        );
    }

    fn fields(
        &mut self,
        templates: &mut Templates,
        section: &str,
        place: TemplatePlace,
        entries: &[Entry],
    ) -> Vec<Field> {
        let mut fields = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let key = format!("{section}.{}", entry.name);
            if entry.name.is_empty() {
                self.fault(
                    section,
                    "an entry has no name",
                    "give it one, or take it out",
                );
                continue;
            }
            // The index keeps two entries of one name apart.
            let unique = format!("{key}#{index}");
            let place = if entry.mandatory {
                TemplatePlace::Entry
            } else {
                place
            };
            let before = self.faults.len();
            let value = self.template(templates, place, &unique, &entry.value);
            for fault in &mut self.faults[before..] {
                fault.key.clone_from(&key);
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
                self.fault(
                    &key,
                    "this is not a header's name",
                    "use letters, digits and -",
                );
            } else if FRAMING.contains(&lower.as_str()) {
                self.fault(&key, "this header belongs to the connection", "take it out");
            } else if lower == "authorization" && options.auth != Auth::None {
                self.fault(&key, "auth sets this header too", "keep one of the two");
            }
            if !seen.insert(lower) {
                self.fault(&key, "this header is set twice", "keep one of the two");
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
            Body::Json(source) => BodyPlan::Json(self.template(
                templates,
                TemplatePlace::Json,
                "body.json",
                source,
            )?),
            Body::Xml(source) => {
                BodyPlan::Xml(self.template(templates, TemplatePlace::Xml, "body.xml", source)?)
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

    fn authorization(&mut self, auth: &Auth) -> Option<HeaderValue> {
        let (key, text) = match auth {
            Auth::None | Auth::OAuth2(_) => return None,
            Auth::Basic { username, password } => {
                if username.contains(':') {
                    let help = "use a user name without one (RFC 7617)";
                    self.fault("auth.basic.username", "it contains a colon", help);
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
                self.fault(
                    key,
                    "the secret contains a character no header can carry",
                    help,
                );
                None
            }
        }
    }

    fn timeout(&mut self, timeout: Duration) {
        if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
            let what = format!("{timeout:?} is not between 1 ms and 60 s");
            self.fault("timeout", what, "a caller waits at most 60s");
        }
    }
}
