//! Whether anything shows the raw responses of widgets: they can be large, and are not
//! kept through a call when nothing does.

use std::collections::BTreeSet;

use crate::config::Config;
use switchhook_webhook::options::{Body, WebhookOptions};

use super::build::raw_names;

/// The names (without `flow.key.`) of raw responses, when no document has them and no
/// template of what is posted after a call may read them.
pub(crate) fn unwanted(config: &Config) -> Vec<String> {
    let names = raw_names(config);
    let shown = config.flows.values().any(|flow| flow.keys_raw);
    let accounts = config.accounts.values();
    let posted: BTreeSet<&String> = config
        .flows
        .values()
        .flat_map(|flow| &flow.after)
        .chain(&config.account.default_webhook)
        .chain(accounts.filter_map(|account| account.default_webhook.as_ref()))
        .collect();
    let mut posted = posted.iter().filter_map(|name| config.webhooks.get(*name));
    let read = posted.any(|webhook| {
        let mut templates = templates(&webhook.request);
        templates.any(|template| may_read(template, &names))
    });
    if shown || read { Vec::new() } else { names }
}

fn templates(request: &WebhookOptions) -> impl Iterator<Item = &str> {
    let (text, form) = match &request.body {
        Body::Predefined => (None, None),
        Body::Json(text) | Body::Xml(text) | Body::Text(text) => (Some(text), None),
        Body::Form(entries) => (None, Some(entries)),
    };
    let entries = request.query.iter().chain(&request.headers);
    let entries = entries.chain(form.into_iter().flatten());
    let values = entries.map(|entry| entry.value.as_str());
    let text = text.into_iter().map(String::as_str);
    std::iter::once(request.url.as_str())
        .chain(values)
        .chain(text)
}

/// It spells one of the names, or computes names.
fn may_read(template: &str, names: &[String]) -> bool {
    names.iter().any(|name| template.contains(name.as_str()))
        || after_each(template, "flow").any(|rest| match rest.strip_prefix(".key") {
            Some(rest) => !rest.starts_with('.'),
            None => !rest.starts_with('.'),
        })
        || after_each(template, "channel")
            .any(|rest| !rest.starts_with("[\"") && !rest.starts_with("['"))
}

fn after_each<'t>(template: &'t str, word: &'static str) -> impl Iterator<Item = &'t str> {
    let found = template.match_indices(word);
    found.map(move |(at, _)| &template[at + word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_may_read_what_it_spells_or_computes() {
        let names = ["response_raw".to_owned()];
        for template in [
            "{{ flow.key.response_raw }}",
            "{{ flow.key[name] }}",
            "{% for name in flow.key %}{% endfor %}",
            "{{ flow[\"key\"].x }}",
            "{{ channel[x] }}",
            "{{ channel | tojson }}",
        ] {
            assert!(may_read(template, &names), "{template}");
        }
        for template in [
            "{{ flow.key.leadid }}, {{ flow.name }}",
            "{{ channel[\"flow.key.leadid\"] }}",
            "{{ callDetails | tojson }}",
        ] {
            assert!(!may_read(template, &names), "{template}");
        }
    }
}
