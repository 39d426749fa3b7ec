//! Checks a configuration beyond what its reading checks.

use std::sync::Arc;

use tracing::warn;

use crate::call_control::WebhookTasks;
use crate::config::{Config, Diagnostic, Diagnostics};
use crate::documents::{DocumentBuilder, public_url};
use switchhook_store::StoreError;

use super::compile::{blocked_webhooks, compile, names_too_early};
use super::{exposure, options};

/// Checks everything in `config` that `serve` would refuse, and returns the warnings.
///
/// # Errors
/// Every fault that `serve` would refuse it for, each with its line.
pub fn check(config: &Config) -> Result<Vec<Diagnostic>, Diagnostics> {
    let tasks = compile(config)?;
    options::endpoints(config)?;
    DocumentBuilder::new(config, &tasks, Arc::default())?;
    let mut warnings = warnings(config, &tasks);
    warnings.extend(store_place(config));
    warnings.sort_by_key(|warning| warning.line);
    Ok(warnings)
}

/// Returns the warnings, but for that of a store which cannot be opened: for `serve` it is an error.
fn warnings(config: &Config, tasks: &WebhookTasks) -> Vec<Diagnostic> {
    let own = config.warnings.iter().cloned();
    let missing_folder = public_url::missing_folder_warning(config);
    let blocked = blocked_webhooks(config, tasks).into_iter();
    let early = names_too_early(config, tasks).into_iter();
    let exposed = exposure::warnings(config);
    let all = own.chain(blocked).chain(early).chain(missing_folder);
    all.chain(exposed).collect()
}

/// Returns a warning if no store can be where `store.url` says. It is no error: the folder may be
/// made before the service starts.
fn store_place(config: &Config) -> Option<Diagnostic> {
    match switchhook_store::check_place(&config.store.url) {
        Err(StoreError::Place { why, cure, .. }) => Some(config.fault(
            "store.url",
            format!("no store can be opened there: {why}"),
            cure,
        )),
        Ok(()) | Err(_) => None,
    }
}

/// Logs the warnings of a configuration that is about to run.
pub(super) fn log_warnings(config: &Config, tasks: &WebhookTasks) {
    for warning in warnings(config, tasks) {
        warn!("{}", warning.in_file(config.origin(), ""));
    }
}
