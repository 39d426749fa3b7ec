//! `[webhooks.NAME]`: the request, what the caller gets meanwhile, and what is kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::Value;

use super::secrets::{PASSWORD, pem, secret, signing_keys};
use super::section::Section;
use super::sections::is_webhook_name;
use super::value::{
    Parsed, Problem, boolean, display, duration, found_type, list, non_empty, number, one_line,
    one_of, optional, text,
};
use super::variables::variables;
use super::{response, retry};
use crate::call_control::{BeforeAnswer, HoldMusic};
use crate::outbox::TakenStatuses;
use switchhook_core::breaker;
use switchhook_core::secret::Secret;
use switchhook_core::variables::VariableNames;
use switchhook_webhook::options::{
    Auth, Body, ConnectionOptions, HttpVersion, Identity, NamedTemplate, OAuth2, SecretIn, Tls,
    TlsVersion, WebhookOptions,
};

/// No webhook may keep a caller waiting longer than this.
const TIMEOUT_LIMIT: Duration = Duration::from_secs(60);
const TIMEOUT_LEAST: Duration = Duration::from_millis(100);
/// The longest time that an idle connection is kept: firewalls forget it after some minutes.
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// One webhook: everything that its section says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhook {
    /// The HTTP request, and how its response is read.
    pub request: WebhookOptions,
    /// What happens to a call meanwhile, and what is written to it.
    pub task: TaskOptions,
    /// Standard Webhooks keys (`whsec_…`); the first signs first. Empty: unsigned.
    pub signing: Vec<Secret>,
    /// How fast documents are posted to it.
    pub delivery: DeliveryLimits,
    /// When its circuit opens; `None`: never.
    pub breaker: Option<breaker::BreakerOptions>,
    /// How events of living calls look.
    pub format: EventFormat,
}

/// How a webhook gets the events of living calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventFormat {
    /// The object itself, or the webhook's own body.
    #[default]
    Plain,
    /// A CloudEvent 1.0 in structured JSON.
    CloudEvents,
}

/// A webhook's settings beyond its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOptions {
    /// Off: the request is sent in the background and the call goes on at once.
    pub wait_for_response: bool,
    /// What the caller hears while waiting.
    pub hold_music: HoldMusic,
    /// What an unanswered caller gets while waiting.
    pub before_answer: BeforeAnswer,
    /// Keep the response's variables for reports.
    pub persist_response: bool,
    /// Write the variable `response_raw`.
    pub response_raw: bool,
    /// The names of the variables that it writes.
    pub variables: VariableNames,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            wait_for_response: true,
            hold_music: HoldMusic::OfSwitch,
            before_answer: BeforeAnswer::EarlyMedia,
            persist_response: false,
            response_raw: true,
            variables: VariableNames::default(),
        }
    }
}

/// How fast documents are posted to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// Documents per second.
    pub rate: u32,
    /// Documents in flight at a time.
    pub in_flight: usize,
    /// The statuses that count as delivered.
    pub taken: TakenStatuses,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        Self {
            rate: 50,
            in_flight: 8,
            taken: TakenStatuses::default(),
        }
    }
}

pub(super) fn webhook(name: &str, mut section: Section<'_>) -> Webhook {
    if !is_webhook_name(name) {
        let help = "choose one of at most 64 letters, digits, _ and -";
        section.fault("", Problem::new("is not a name for a webhook", help));
    }
    let mut response = section.subsection("response");
    Webhook {
        request: request(&mut section, &mut response),
        task: task_options(&mut section, &mut response),
        signing: signing_keys(section.subsection("signing")),
        delivery: delivery(section.subsection("delivery")),
        breaker: breaker(section.subsection("breaker")),
        format: section.get_or("format", EventFormat::Plain, one_of(&FORMATS)),
    }
}

/// The words of `format`.
const FORMATS: [(&str, EventFormat); 2] = [
    ("plain", EventFormat::Plain),
    ("cloudevents", EventFormat::CloudEvents),
];

fn request(section: &mut Section<'_>, response: &mut Section<'_>) -> WebhookOptions {
    let default = WebhookOptions::default();
    let method = section.get("method", one_of(&METHODS));
    let allowed = duration(TIMEOUT_LEAST..=TIMEOUT_LIMIT);
    let timeout = section.get_or("timeout", default.timeout, allowed);
    WebhookOptions {
        method: method.map_or(default.method, str::to_owned),
        url: section.require("url", "add url = \"https://…\"", one_line),
        fallback_urls: section.get_or("fallback_urls", default.fallback_urls, list(one_line)),
        query: entries(section, "query"),
        headers: entries(section, "headers"),
        body: body(section.subsection("body")),
        auth: auth(section.subsection("auth")),
        tls: tls(section.subsection("tls")),
        timeout,
        http2_streams: section.get_or("http2_streams", default.http2_streams, number(1..=10_000)),
        connection: connection(section),
        retry: retry::options(section, timeout),
        response: response::options(response),
    }
}

fn connection(section: &mut Section<'_>) -> ConnectionOptions {
    let default = ConnectionOptions::default();
    let versions = &[
        ("auto", HttpVersion::Auto),
        ("1.1", HttpVersion::Http1),
        ("2", HttpVersion::Http2),
    ];
    ConnectionOptions {
        version: section.get_or("http_version", default.version, one_of(versions)),
        idle: section.get_or(
            "idle_timeout",
            default.idle,
            duration(Duration::ZERO..=IDLE_LIMIT),
        ),
    }
}

/// The allowed methods. CONNECT and TRACE make no sense for a webhook.
const METHODS: [(&str, &str); 7] = [
    ("POST", "POST"),
    ("GET", "GET"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
];

/// Reads a table `{ NAME = "value" }` or `{ NAME = { value, mandatory } }`. A list of `{ name,
/// value, mandatory }` is for names that occur twice.
fn entries(section: &mut Section<'_>, key: &'static str) -> Vec<NamedTemplate> {
    if section.is_list(key) {
        let entry = |mut section: Section<'_>| {
            let name = section.require("name", "add name = \"…\"", one_line);
            entry(name, section)
        };
        return section.sections(key).into_iter().map(entry).collect();
    }
    let entries = section.named_sections(key, Some("value")).into_iter();
    entries
        .map(|(name, section)| entry(name, section))
        .collect()
}

fn entry(name: String, mut section: Section<'_>) -> NamedTemplate {
    NamedTemplate {
        name,
        value: section.require("value", "add value = \"…\"", text),
        mandatory: section.get_or("mandatory", false, boolean),
    }
}

fn body(mut section: Section<'_>) -> Body {
    section.at_most_one(&["json", "xml", "form", "text"]);
    let json = section.get("json", non_empty).map(Body::Json);
    let xml = section.get("xml", non_empty).map(Body::Xml);
    let text = section.get("text", non_empty).map(Body::Text);
    let form = section.has("form");
    let fields = entries(&mut section, "form");
    let form = form.then_some(Body::Form(fields));
    json.or(xml).or(text).or(form).unwrap_or(Body::Predefined)
}

fn auth(mut section: Section<'_>) -> Auth {
    section.at_most_one(&["basic", "bearer", "oauth2"]);
    let basic = section.subsection("basic");
    let bearer = section.subsection("bearer");
    let oauth2 = section.subsection("oauth2");
    if basic.is_present() {
        self::basic(basic)
    } else if bearer.is_present() {
        self::bearer(bearer)
    } else if oauth2.is_present() {
        self::oauth2(oauth2)
    } else {
        Auth::None
    }
}

pub(super) fn basic(mut section: Section<'_>) -> Auth {
    let help = "add password_env, password_file or password";
    Auth::Basic {
        username: section.require("username", "add username = \"…\"", one_line),
        password: secret(&mut section, &PASSWORD, help),
    }
}

pub(super) fn bearer(mut section: Section<'_>) -> Auth {
    let help = "add token_env, token_file or token";
    let keys = ["token", "token_env", "token_file"];
    Auth::Bearer(secret(&mut section, &keys, help))
}

fn oauth2(mut section: Section<'_>) -> Auth {
    let help = "add client_secret_env, client_secret_file or client_secret";
    let keys = ["client_secret", "client_secret_env", "client_secret_file"];
    let places = &[("basic", SecretIn::Basic), ("body", SecretIn::Body)];
    Auth::OAuth2(OAuth2 {
        token_url: section.require("token_url", "add token_url = \"https://…\"", one_line),
        client_id: section.require("client_id", "add client_id = \"…\"", one_line),
        client_secret: secret(&mut section, &keys, help),
        secret_in: section.get_or("secret_in", SecretIn::default(), one_of(places)),
        scope: section.get("scope", optional(one_line)).flatten(),
        audience: section.get("audience", optional(one_line)).flatten(),
        resource: section.get("resource", optional(one_line)).flatten(),
        params: token_params(&mut section),
    })
}

/// The parameters of a token request that have a setting of their own.
const TOKEN_PARAMS: [(&str, &str); 6] = [
    ("grant_type", "it is client_credentials"),
    ("client_id", "use client_id"),
    ("client_secret", "use client_secret_env and secret_in"),
    ("scope", "use scope"),
    ("audience", "use audience"),
    ("resource", "use resource"),
];

fn token_params(section: &mut Section<'_>) -> Vec<(String, String)> {
    let params = section.named_sections("params", Some("value"));
    let param = |(name, mut section): (String, Section<'_>)| {
        if let Some((_, help)) = TOKEN_PARAMS.iter().find(|(known, _)| *known == name) {
            section.fault("", Problem::new("is not a further parameter", *help));
        }
        (
            name,
            section.require("value", "add value = \"…\"", one_line),
        )
    };
    params.into_iter().map(param).collect()
}

fn tls(mut section: Section<'_>) -> Tls {
    let environment = section.context.environment;
    let versions = &[("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
    let read = |value: &Value| match value.as_str() {
        Some("") => Ok(None),
        Some(_) | None => pem(value, environment),
    };
    let ca = section.get("ca_file", read).flatten();
    let certificate = section.get("client_cert_file", read).flatten();
    let key = section.get("client_key_file", read).flatten();
    let min_version = section.get_or("min_version", TlsVersion::default(), one_of(versions));
    let lonely = match (&certificate, &key) {
        (Some(_), None) => Some(("client_cert_file", "client_key_file")),
        (None, Some(_)) => Some(("client_key_file", "client_cert_file")),
        (Some(_), Some(_)) | (None, None) => None,
    };
    if let Some((there, missing)) = lonely.filter(|(_, missing)| !section.has(missing)) {
        let what = format!("has no effect without {missing}");
        section.fault(there, Problem::new(what, format!("add {missing}")));
    }
    Tls {
        ca: ca.map(|ca| ca.to_string()),
        identity: certificate.zip(key).map(|(certificate, key)| Identity {
            certificate: certificate.to_string(),
            key: Secret::new(&**key),
        }),
        min_version,
    }
}

fn task_options(section: &mut Section<'_>, response: &mut Section<'_>) -> TaskOptions {
    let default = TaskOptions::default();
    let before_answer = &[
        ("early_media", BeforeAnswer::EarlyMedia),
        ("silence", BeforeAnswer::Silence),
        ("answer", BeforeAnswer::Answer),
    ];
    TaskOptions {
        wait_for_response: section.get_or("wait_for_response", default.wait_for_response, boolean),
        hold_music: section.get_or("hold_music", default.hold_music, hold_music),
        before_answer: section.get_or(
            "before_answer",
            default.before_answer,
            one_of(before_answer),
        ),
        persist_response: section.get_or("persist_response", default.persist_response, boolean),
        response_raw: response.get_or("raw", default.response_raw, boolean),
        variables: variables(section.subsection("variables")),
    }
}

fn hold_music(value: &Value) -> Parsed<HoldMusic> {
    match value.as_bool() {
        Some(true) => Ok(HoldMusic::OfSwitch),
        Some(false) => Ok(HoldMusic::Silence),
        None if value.is_str() => Ok(HoldMusic::Stream(one_line(value)?)),
        None => Err(Problem::new(
            found_type(value),
            "write true, false, or a file or stream such as \"local_stream://moh\"",
        )),
    }
}

fn delivery(mut section: Section<'_>) -> DeliveryLimits {
    let default = DeliveryLimits::default();
    DeliveryLimits {
        rate: section.get_or("rate", default.rate, number(1..=100_000)),
        in_flight: section.get_or("in_flight", default.in_flight, number(1..=10_000)),
        taken: section
            .get("taken", list(statuses))
            .map_or(default.taken, TakenStatuses::with),
    }
}

/// Parses a status such as `"302"`, or a class such as `"2xx"`.
fn statuses(value: &Value) -> Parsed<RangeInclusive<u16>> {
    let text = text(value)?;
    let class = match text.as_str() {
        "2xx" => Some(200..=299),
        "3xx" => Some(300..=399),
        "4xx" => Some(400..=499),
        "5xx" => Some(500..=599),
        _ => None,
    };
    let status = || text.parse().ok().map(|status: u16| status..=status);
    let statuses = class
        .or_else(status)
        .filter(|range| (200..600).contains(range.start()));
    let problem = || {
        let what = format!("{} is not a status of a final answer", display(value));
        Problem::new(
            what,
            "write a status such as \"302\", or a class such as \"2xx\"",
        )
    };
    statuses.ok_or_else(problem)
}

/// Default pause of a breaker: the default timeout, which is the longest wait of the one call that
/// then tries the webhook again.
const PAUSE: Duration = Duration::from_secs(10);
/// Allowed pauses: a shorter one gives the webhook no time to recover, and a longer one outlasts the outage.
const PAUSES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

fn breaker(mut section: Section<'_>) -> Option<breaker::BreakerOptions> {
    let failures = section.get("failures", number(0..=1_000));
    let pause = section.get("pause", duration(PAUSES));
    if pause.is_some() && !section.has("failures") {
        let help = "add breaker.failures, for example 5";
        section.fault(
            "pause",
            Problem::new("has no effect without breaker.failures", help),
        );
    }
    let failures = failures.filter(|failures| *failures > 0)?;
    Some(breaker::BreakerOptions {
        failures,
        pause: pause.unwrap_or(PAUSE),
    })
}
