//! Converts a request into what the store keeps, and a document's keys into channel variables.

use std::collections::BTreeMap;

use serde_json::Value;
use switchhook_core::variables::JSON_KEYS;
use switchhook_store::RequestContent;
use switchhook_webhook::Prepared;

/// The name under which a `fallback_urls` entry is stored among the headers. No header can have
/// it.
pub(crate) const FALLBACK_URL: &str = ":fallback-url";

/// Returns the stored form of a request: everything but its secrets, which every attempt adds anew.
pub fn content(request: &Prepared) -> RequestContent {
    let headers = request
        .headers
        .iter()
        .filter(|(_, value)| !value.is_sensitive());
    let fallback_urls = request.fallback_urls.iter().flatten();
    let fallback_urls = fallback_urls.map(|url| (FALLBACK_URL.to_owned(), url.to_string()));
    RequestContent {
        method: Some(request.method.to_string()),
        url: Some(request.url.to_string()),
        headers: headers
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .chain(fallback_urls)
            .collect(),
        body: request.body.clone(),
    }
}

/// Returns a document's `keys` as the channel variables they came from.
pub fn flow_variables(document: &Value) -> BTreeMap<String, String> {
    let keys = document
        .get("keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let variable = |key: &Value| {
        let name = key.get("name")?.as_str()?.strip_prefix('$')?;
        let value = key.get("value")?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Some((format!("variable_{name}"), text))
    };
    let mut variables: BTreeMap<String, String> = keys.clone().filter_map(variable).collect();
    let typed = keys.filter(|key| !key["value"].is_string());
    let typed = typed.filter_map(|key| key.get("name")?.as_str()?.strip_prefix("$flow.key."));
    let typed: Vec<&str> = typed.collect();
    variables.insert(format!("variable_{JSON_KEYS}"), typed.join(","));
    variables
}
