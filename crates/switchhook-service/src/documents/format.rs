//! How documents look, by the configuration.

use std::collections::HashSet;
use std::sync::Arc;

use crate::config::{self, Config};
use switchhook_core::details::{DocumentFormat, DurationUnit, LegFilter};
use switchhook_core::live_events::EventChoices;
use switchhook_core::variables::{FLOW_KEY, VariableNames};

/// Returns the format of a flow's documents.
pub(crate) fn of_flow(config: &Config, flow: &config::Flow) -> DocumentFormat {
    DocumentFormat {
        legs: match flow.legs {
            config::LegChoice::All => LegFilter::All,
            config::LegChoice::Connected => LegFilter::Connected,
        },
        duration_unit: match flow.duration_unit {
            config::DurationUnit::Milliseconds => DurationUnit::Milliseconds,
            config::DurationUnit::Seconds => DurationUnit::Seconds,
        },
        uuid_key: flow.uuid_key.clone(),
        keys_raw: flow.keys_raw,
        raw_names: raw_names(config),
        respect_privacy: config.account.privacy == config::Privacy::Respect,
        time_zone: config.account.time_zone,
        learnt_key: flow.learnt_key.clone(),
    }
}

/// Returns the format of the predefined document of a call in progress, whose webhook writes
/// its variables under these names. The document leaves out the webhook's own variables: the
/// hook in the dialplan presets them.
pub(crate) fn of_call_in_progress(config: &Config, names: &VariableNames) -> DocumentFormat {
    let own = names.all().into_iter();
    let own = own.filter_map(|(_, name)| name.strip_prefix(FLOW_KEY));
    DocumentFormat {
        raw_names: own.map(str::to_owned).collect(),
        ..of_flow(config, &config::Flow::default())
    }
}

/// Returns the webhooks that get CloudEvents.
pub(crate) fn cloud_events(config: &Config) -> HashSet<String> {
    let webhooks = config.webhooks.iter();
    let chosen = webhooks.filter(|(_, webhook)| webhook.format == config::EventFormat::CloudEvents);
    chosen.map(|(name, _)| name.clone()).collect()
}

/// Returns what flows are told of living calls; `None` if none is told anything.
pub(crate) fn event_choices(config: &Config) -> Option<Arc<EventChoices>> {
    let flows = config.flows.iter();
    let choices = EventChoices::new(flows.map(|(name, flow)| (name.as_str(), &flow.events[..])));
    (!choices.is_empty()).then(|| Arc::new(choices))
}

/// Returns the names, without `flow.key.`, under which webhooks write their outcome.
pub(crate) fn outcome_names(config: &Config) -> Vec<String> {
    let webhooks = config.webhooks.values();
    let names = webhooks.flat_map(|webhook| webhook.task.variables.all());
    let keys = names.filter_map(|(_, name)| name.strip_prefix(FLOW_KEY));
    let mut names: Vec<String> = keys.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the names, without `flow.key.`, under which webhooks write raw responses.
pub(crate) fn raw_names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = config
        .webhooks
        .values()
        .filter_map(|webhook| webhook.task.variables.response_raw.strip_prefix(FLOW_KEY))
        .map(str::to_owned)
        .chain(["response_raw".to_owned()])
        .collect();
    names.sort();
    names.dedup();
    names
}
