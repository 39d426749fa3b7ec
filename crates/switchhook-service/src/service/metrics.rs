//! The process's metrics recorder.

use std::sync::OnceLock;

use metrics::gauge;

use crate::call_control::WebhookTasks;
use crate::config::Config;
use switchhook_core::metric_names;
use switchhook_core::metrics_recorder::MetricsRecorder;
use switchhook_webhook::forget_certificates;

use super::{Answerers, StartError};

/// Returns the recorder, and installs it at first. A process has one, however many services
/// start in it.
///
/// # Errors
/// The recorder cannot be installed.
pub(super) fn recorder() -> Result<MetricsRecorder, StartError> {
    static RECORDER: OnceLock<Result<MetricsRecorder, String>> = OnceLock::new();
    let recorder = RECORDER.get_or_init(|| {
        let recorder = MetricsRecorder::default();
        metrics::set_global_recorder(recorder.clone()).map_err(|error| error.to_string())?;
        Ok(recorder)
    });
    recorder.clone().map_err(StartError::Metrics)
}

/// Says when the credentials of webhooks expire. Servers' certificates are noted by the next
/// handshakes: a configuration has connections of its own.
pub(super) fn credentials(tasks: &WebhookTasks) {
    forget_certificates();
    let webhooks = tasks.by_name.values().filter_map(|task| task.webhook());
    for webhook in webhooks {
        for (kind, end) in webhook.credential_expiries() {
            #[allow(clippy::cast_precision_loss)] // a gauge
            let end = end.unwrap_or(0) as f64;
            let name = webhook.name().to_owned();
            gauge!(metric_names::CREDENTIAL_EXPIRES, "kind" => kind, "of" => name).set(end);
        }
    }
}

/// Registers every metric at zero, so that all of them are there from the start.
pub(super) fn start_at_zero(config: &Config, answerers: &Answerers) {
    let switches = config
        .freeswitch
        .iter()
        .map(|switch| switch.address.as_str());
    let webhooks = config.webhooks.keys().chain(answerers.keys());
    let accounts = config.accounts.keys().map(String::as_str);
    metric_names::start_at_zero(webhooks.map(String::as_str), switches, accounts);
}
