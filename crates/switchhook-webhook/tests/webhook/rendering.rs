//! Helpers that render requests.

use std::collections::BTreeMap;

use switchhook_core::headers::Headers;
use switchhook_core::outcome::Failure;
use switchhook_webhook::options::{Body, NamedTemplate, WebhookOptions};
use switchhook_webhook::{CallContext, Prepared, Webhook};

pub type Channel = BTreeMap<String, String>;

pub fn channel(headers: &[(&str, &str)]) -> Channel {
    headers
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

pub fn entry(name: &str, value: &str, mandatory: bool) -> NamedTemplate {
    NamedTemplate {
        name: name.into(),
        value: value.into(),
        mandatory,
    }
}

pub fn options(url: &str) -> WebhookOptions {
    WebhookOptions {
        url: url.into(),
        ..WebhookOptions::default()
    }
}

pub fn compile(options: WebhookOptions) -> Webhook {
    Webhook::compile("lookup", options).unwrap()
}

pub fn prepare_with(
    options: WebhookOptions,
    headers: &dyn Headers,
    document: Option<&serde_json::Value>,
) -> Result<Prepared, Failure> {
    compile(options).prepare(&CallContext {
        headers,
        document,
        predefined: &|| b"{\"callDetails\":[]}".to_vec(),
    })
}

pub fn prepare(options: WebhookOptions, headers: &[(&str, &str)]) -> Result<Prepared, Failure> {
    prepare_with(options, &channel(headers), None)
}

pub fn url(template: &str, headers: &[(&str, &str)]) -> Result<String, Failure> {
    prepare(options(template), headers).map(|prepared| prepared.url.into())
}

pub fn body(body: Body, headers: &[(&str, &str)]) -> Result<String, Failure> {
    let options = WebhookOptions {
        body,
        ..options("https://crm.example/")
    };
    let prepared = prepare(options, headers)?;
    Ok(String::from_utf8(prepared.body.to_vec()).unwrap())
}

pub fn json_body(template: &str, headers: &[(&str, &str)]) -> Result<serde_json::Value, Failure> {
    let text = body(Body::Json(template.into()), headers)?;
    Ok(serde_json::from_str(&text).unwrap())
}
