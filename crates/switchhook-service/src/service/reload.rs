//! Takes a changed configuration while the service runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use super::{Service, StartError, check, compile, metrics, options};
use crate::config::Config;
use switchhook_admin::configuration::{LastReload, ReloadResult};
use switchhook_core::clock;
use switchhook_store::NewAuditEntry;

/// How long a reload waits for its entry in the audit.
const AUDIT_DEADLINE: Duration = Duration::from_secs(2);

impl Service {
    /// Takes the webhooks, the secrets of every port and the trace collector of `config`. Calls on hold
    /// and open connections keep theirs. Addresses, the store and the limits stay as they were at
    /// the start.
    ///
    /// # Errors
    /// Every fault of the new configuration; the old one stays in force.
    pub fn reload(&self, config: &Config) -> Result<(), StartError> {
        let tasks = compile::compile_with(config, &self.answerers)?;
        let endpoints = options::endpoints(config)?;
        check::log_warnings(config, &tasks);
        let collector = self.trace_export.prepare(config)?;
        self.documents.replace(config, &tasks)?;
        metrics::start_at_zero(config, &self.answerers);
        metrics::credentials(&tasks);
        self.trace_export.replace(collector);
        self.breakers.replace(options::breakers(config));
        self.webhooks.replace(&tasks);
        self.endpoints.send_replace(endpoints);
        self.page.replace(config);
        self.recording_server.replace(config);
        if let Some(recorder) = self.call_control.recorder() {
            recorder.add_secrets(&options::secrets(config));
        }
        self.call_control.reload(tasks);
        self.posted_cdrs.replace_credentials(config);
        for switch in &config.freeswitch {
            let followed = self.passwords.iter();
            for (_, password) in followed.filter(|(address, _)| *address == switch.address) {
                password.store(Arc::new(switch.password.clone()));
            }
        }
        Ok(())
    }

    /// Notes a reload for the page and the audit: the settings that need a restart, or why it was
    /// refused.
    pub async fn note_reload(&self, result: &Result<Vec<&'static str>, String>) {
        let (words, result) = match result {
            Ok(names) => {
                let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                ("in force".to_owned(), ReloadResult::InForce(names))
            }
            Err(why) => (
                format!("refused: {why}"),
                ReloadResult::Refused(why.clone()),
            ),
        };
        let reload = LastReload {
            at_ms: clock::now_ms(),
            result,
        };
        self.page
            .configuration
            .last_reload
            .store(Some(Arc::new(reload)));
        let entry = NewAuditEntry {
            origin: "SIGHUP".into(),
            action: "reload".into(),
            target: "the configuration".into(),
            result: words,
            ..NewAuditEntry::default()
        };
        let stored = timeout(AUDIT_DEADLINE, self.store.put_audit(entry)).await;
        if !matches!(stored, Ok(Ok(()))) {
            warn!("the audit does not have this reload: the store is slow or away");
        }
    }
}
