//! `[webhooks.NAME]`: the request, what the caller gets meanwhile, what is kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml_edit::Value;

use super::response;
use super::secrets::{PASSWORD, pem, secret, signing};
use super::section::Section;
use super::sections::is_webhook_name;
use super::value::{
    Read, Wrong, duration, filled, flag, is, number, one_line, one_of, optional, text,
};
use super::variables::variables;
use crate::call_control::{BeforeAnswer, HoldMusic};
use switchhook_core::breaker;
use switchhook_core::secret::Secret;
use switchhook_core::variables::Names;
use switchhook_webhook::options::{
    Auth, Body, Entry, Identity, OAuth2, Tls, TlsVersion, WebhookOptions,
};

/// Above it no widget may keep a caller waiting.
const TIMEOUT_LIMIT: Duration = Duration::from_secs(60);
const TIMEOUT_LEAST: Duration = Duration::from_millis(100);

/// One webhook with everything that its section says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhook {
    /// The HTTP request and how its response is read.
    pub request: WebhookOptions,
    /// What a call gets that waits for it.
    pub widget: Widget,
    /// Standard Webhooks keys (`whsec_…`), the first one signs first; empty: unsigned.
    pub signing: Vec<Secret>,
    /// How fast documents are posted to it.
    pub delivery: Delivery,
    /// When calls leave it alone; `None`: never.
    pub breaker: Option<breaker::BreakerOptions>,
}

/// The widget's settings that are not of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widget {
    /// Off: the request goes out in the background and the call goes on at once.
    pub wait_for_response: bool,
    /// What the caller hears meanwhile.
    pub hold_music: HoldMusic,
    /// What a caller gets who is not answered yet.
    pub before_answer: BeforeAnswer,
    /// The response's variables are kept for reports.
    pub persist_response: bool,
    /// The variable `response_raw` is written at all.
    pub response_raw: bool,
    /// The names of the variables that it writes.
    pub variables: Names,
}

impl Default for Widget {
    fn default() -> Self {
        Self {
            wait_for_response: true,
            hold_music: HoldMusic::OfSwitch,
            before_answer: BeforeAnswer::EarlyMedia,
            persist_response: false,
            response_raw: true,
            variables: Names::default(),
        }
    }
}

/// How fast documents are posted to one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// Documents a second.
    pub rate: u32,
    /// Documents whose answer is waited for at once.
    pub in_flight: usize,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            rate: 50,
            in_flight: 8,
        }
    }
}

pub(super) fn webhook(name: &str, mut section: Section<'_>) -> Webhook {
    if !is_webhook_name(name) {
        let help = "choose one of at most 64 letters, digits, _ and -";
        section.fault("", Wrong::new("is not a name for a webhook", help));
    }
    let mut response = section.section("response");
    Webhook {
        request: request(&mut section, &mut response),
        widget: widget(&mut section, &mut response),
        signing: signing(section.section("signing")),
        delivery: delivery(section.section("delivery")),
        breaker: breaker(section.section("breaker")),
    }
}

fn request(section: &mut Section<'_>, response: &mut Section<'_>) -> WebhookOptions {
    let default = WebhookOptions::default();
    let method = section.get("method", one_of(&METHODS));
    let timeout = duration(TIMEOUT_LEAST..=TIMEOUT_LIMIT);
    WebhookOptions {
        method: method.map_or(default.method, str::to_owned),
        url: section.need("url", "add url = \"https://…\"", one_line),
        query: entries(section, "query"),
        headers: entries(section, "headers"),
        body: body(section.section("body")),
        auth: auth(section.section("auth")),
        tls: tls(section.section("tls")),
        timeout: section.get_or("timeout", default.timeout, timeout),
        http2_streams: section.get_or("http2_streams", default.http2_streams, number(1..=10_000)),
        response: response::options(response),
    }
}

/// CONNECT and TRACE are no way to ask a webhook.
const METHODS: [(&str, &str); 7] = [
    ("POST", "POST"),
    ("GET", "GET"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
];

/// A table `{ NAME = "value" }` or `{ NAME = { value, mandatory } }`, or, where a
/// name occurs twice, a list of `{ name, value, mandatory }`.
fn entries(section: &mut Section<'_>, key: &'static str) -> Vec<Entry> {
    if section.is_list(key) {
        let entry = |mut section: Section<'_>| {
            let name = section.need("name", "add name = \"…\"", one_line);
            entry(name, section)
        };
        return section.list(key).into_iter().map(entry).collect();
    }
    let entries = section.named(key, Some("value")).into_iter();
    entries
        .map(|(name, section)| entry(name, section))
        .collect()
}

fn entry(name: String, mut section: Section<'_>) -> Entry {
    Entry {
        name,
        value: section.need("value", "add value = \"…\"", text),
        mandatory: section.get_or("mandatory", false, flag),
    }
}

fn body(mut section: Section<'_>) -> Body {
    section.only_one(&["json", "xml", "form", "text"]);
    let json = section.get("json", filled).map(Body::Json);
    let xml = section.get("xml", filled).map(Body::Xml);
    let text = section.get("text", filled).map(Body::Text);
    let form = section.has("form");
    let fields = entries(&mut section, "form");
    let form = form.then_some(Body::Form(fields));
    json.or(xml).or(text).or(form).unwrap_or(Body::Predefined)
}

fn auth(mut section: Section<'_>) -> Auth {
    section.only_one(&["basic", "bearer", "oauth2"]);
    let basic = section.section("basic");
    let bearer = section.section("bearer");
    let oauth2 = section.section("oauth2");
    if basic.is_there() {
        self::basic(basic)
    } else if bearer.is_there() {
        self::bearer(bearer)
    } else if oauth2.is_there() {
        self::oauth2(oauth2)
    } else {
        Auth::None
    }
}

pub(super) fn basic(mut section: Section<'_>) -> Auth {
    let help = "add password_env, password_file or password";
    Auth::Basic {
        username: section.need("username", "add username = \"…\"", one_line),
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
    Auth::OAuth2(OAuth2 {
        token_url: section.need("token_url", "add token_url = \"https://…\"", one_line),
        client_id: section.need("client_id", "add client_id = \"…\"", one_line),
        client_secret: secret(&mut section, &keys, help),
        scope: section.get("scope", optional(one_line)).flatten(),
    })
}

fn tls(mut section: Section<'_>) -> Tls {
    let around = section.reader.surroundings;
    let versions = &[("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];
    let read = |value: &Value| match value.as_str() {
        Some("") => Ok(None),
        Some(_) | None => pem(value, around),
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
        let what = format!("is of no use without {missing}");
        section.fault(there, Wrong::new(what, format!("add {missing}")));
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

fn widget(section: &mut Section<'_>, response: &mut Section<'_>) -> Widget {
    let default = Widget::default();
    let before_answer = &[
        ("early_media", BeforeAnswer::EarlyMedia),
        ("silence", BeforeAnswer::Silence),
        ("answer", BeforeAnswer::Answer),
    ];
    Widget {
        wait_for_response: section.get_or("wait_for_response", default.wait_for_response, flag),
        hold_music: section.get_or("hold_music", default.hold_music, hold_music),
        before_answer: section.get_or(
            "before_answer",
            default.before_answer,
            one_of(before_answer),
        ),
        persist_response: section.get_or("persist_response", default.persist_response, flag),
        response_raw: response.get_or("raw", default.response_raw, flag),
        variables: variables(section.section("variables")),
    }
}

fn hold_music(value: &Value) -> Read<HoldMusic> {
    match value.as_bool() {
        Some(true) => Ok(HoldMusic::OfSwitch),
        Some(false) => Ok(HoldMusic::Silence),
        None if value.is_str() => Ok(HoldMusic::Stream(one_line(value)?)),
        None => Err(Wrong::new(
            is(value),
            "write true, false, or a file or stream such as \"local_stream://moh\"",
        )),
    }
}

fn delivery(mut section: Section<'_>) -> Delivery {
    let default = Delivery::default();
    Delivery {
        rate: section.get_or("rate", default.rate, number(1..=100_000)),
        in_flight: section.get_or("in_flight", default.in_flight, number(1..=10_000)),
    }
}

/// The pause of a breaker that says none: as long as the usual timeout, which the call that
/// tries the webhook then may wait for.
const PAUSE: Duration = Duration::from_secs(10);
/// Less is no rest, more an outage that nobody remembers.
const PAUSES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

fn breaker(mut section: Section<'_>) -> Option<breaker::BreakerOptions> {
    let failures = section.get("failures", number(0..=1_000));
    let pause = section.get("pause", duration(PAUSES));
    if pause.is_some() && !section.has("failures") {
        let help = "add breaker.failures, for example 5";
        section.fault(
            "pause",
            Wrong::new("is of no use without breaker.failures", help),
        );
    }
    let failures = failures.filter(|failures| *failures > 0)?;
    Some(breaker::BreakerOptions {
        failures,
        pause: pause.unwrap_or(PAUSE),
    })
}
