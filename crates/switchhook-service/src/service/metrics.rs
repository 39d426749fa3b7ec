//! The process's metrics recorder.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::config::Config;
use switchhook_core::metric_names;

use super::{Answerers, StartError};

/// Returns the recorder, and installs it at first. A process has one, however many services
/// start in it.
///
/// # Errors
/// The recorder cannot be installed.
pub(super) fn recorder() -> Result<PrometheusHandle, StartError> {
    static RECORDER: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let recorder = RECORDER.get_or_init(|| {
        let seconds = metric_names::IN_SECONDS.map(|name| Matcher::Full(name.into()));
        let builder = seconds
            .into_iter()
            .try_fold(PrometheusBuilder::new(), |builder, name| {
                builder.set_buckets_for_metric(name, &metric_names::SECONDS_BUCKETS)
            })
            .map_err(|error| error.to_string())?;
        builder
            .install_recorder()
            .map_err(|error| error.to_string())
    });
    recorder.clone().map_err(StartError::Metrics)
}

/// Registers every metric at zero, so that all of them are there from the start.
pub(super) fn start_at_zero(config: &Config, answerers: &Answerers) {
    let switches = config
        .freeswitch
        .iter()
        .map(|switch| switch.address.as_str());
    let webhooks = config.webhooks.keys().chain(answerers.keys());
    metric_names::start_at_zero(webhooks.map(String::as_str), switches);
}
