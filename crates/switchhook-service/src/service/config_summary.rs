//! The summary of each webhook's configuration that the operator's page shows.

use std::collections::BTreeMap;

use crate::config::{self, Config};
use switchhook_admin::config_summary::ConfigSummary;
use switchhook_webhook::options::WebhookOptions;
use switchhook_webhook::redact;

/// Returns the summary of every webhook, by its name.
pub(super) fn of(config: &Config) -> BTreeMap<String, ConfigSummary> {
    let all = config.webhooks.iter();
    all.map(|(name, webhook)| (name.clone(), summary(config, name, webhook)))
        .collect()
}

fn summary(config: &Config, name: &str, webhook: &config::Webhook) -> ConfigSummary {
    let (request, task) = (&webhook.request, &webhook.task);
    let streams = request.http2_streams;
    let usual = WebhookOptions::default().http2_streams;
    ConfigSummary {
        method: request.method.clone(),
        url: redact::template(&request.url),
        fallback_urls: {
            let urls = request.fallback_urls.iter();
            urls.map(|url| redact::template(url)).collect()
        },
        timeout: request.timeout,
        http2_streams: (streams != usual).then_some(streams),
        breaker: webhook
            .breaker
            .map(|breaker| (breaker.failures, breaker.pause)),
        in_background: !task.wait_for_response,
        persists: task.persist_response,
        raw: task
            .response_raw
            .then(|| task.variables.response_raw.clone()),
        mapped: request
            .response
            .map
            .iter()
            .map(|mapping| mapping.name.clone())
            .collect(),
        documents: documents(config, name),
    }
}

/// Lists whose documents a webhook gets.
fn documents(config: &Config, name: &str) -> Vec<String> {
    let is_it = |webhook: &Option<String>| webhook.as_deref() == Some(name);
    let default = is_it(&config.account.default_webhook);
    let default = default.then(|| {
        if config.accounts.is_empty() {
            "documents of finished calls".to_owned()
        } else {
            "documents of the default account".to_owned()
        }
    });
    let accounts = config.accounts.iter();
    let accounts = accounts.filter(|(_, account)| is_it(&account.default_webhook));
    let accounts = accounts.map(|(account, _)| format!("documents of account {account}"));
    let flows = config.flows.iter();
    let flows = flows.filter(|(_, flow)| flow.after.iter().any(|after| after == name));
    let flows = flows.map(|(flow, _)| format!("documents of flow {flow}"));
    default.into_iter().chain(accounts).chain(flows).collect()
}
