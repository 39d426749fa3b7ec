//! What the commands over the store share: the open store, the webhooks' names, and times for a
//! person.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use switchhook_core::clock;
use switchhook_core::tenants::Tenants;
use switchhook_core::timestamp;
use switchhook_core::zone::Zone;
use switchhook_service::config::Config;
use switchhook_service::service::{store_options, tenants};
use switchhook_store::{NewAuditEntry, Role, Store, webhook_of};

/// The store, and the settings that its commands need.
pub struct StoreContext {
    /// The store, opened beside a service that may be running.
    pub store: Store,
    /// Formats times in the account's time zone.
    pub times: Times,
    /// The accounts, for the time zone of a call.
    pub tenants: Arc<Tenants>,
    webhooks: Vec<String>,
}

impl StoreContext {
    /// Opens the store of the configuration at `path`. It reads no other secret than the store's.
    ///
    /// # Errors
    /// Fails with what is wrong with the configuration or the store, and the cure.
    pub async fn open(path: &Path) -> Result<Self, String> {
        let config = Config::load_without_secrets(path).map_err(|faults| faults.to_string())?;
        let options = store_options(&config, Role::Command);
        let store = Store::open(options)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            store,
            times: Times::now(config.account.time_zone),
            tenants: Arc::new(tenants(&config)),
            webhooks: config.webhooks.into_keys().collect(),
        })
    }

    /// Returns the paused webhooks, each with the reason.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub async fn pauses(&self) -> Result<BTreeMap<String, String>, String> {
        let pauses = self.store.pauses().await;
        let pauses = pauses.map_err(|error| error.to_string())?;
        Ok(pauses.into_iter().collect())
    }

    /// Notes in the audit what this command did. The command has done it, so a failure is a warning.
    pub async fn audit(&self, action: &str, target: &str, result: &str) {
        // Who can open the store could write anything: the name is for colleagues.
        let names = ["SUDO_USER", "USER", "LOGNAME"];
        let names = names.iter().filter_map(|name| std::env::var(name).ok());
        let entry = NewAuditEntry {
            who: names
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default(),
            origin: "command line".into(),
            action: action.into(),
            target: target.into(),
            result: result.into(),
            refused: false,
        };
        if let Err(error) = self.store.put_audit(entry).await {
            super::write_stderr(&format!("the audit does not have this: {error}\n"));
        }
    }

    /// Checks that the configuration has a webhook of this name: a name without documents may be
    /// a typo.
    ///
    /// # Errors
    /// Fails with the names that the configuration has.
    pub fn check_name(&self, webhook: &str) -> Result<(), String> {
        // Events of a webhook have a queue of their own.
        if self.webhooks.iter().any(|name| name == webhook_of(webhook)) {
            Ok(())
        } else {
            Err(super::unknown_webhook(webhook, &self.webhooks))
        }
    }
}

/// Formats times for a person: in the account's zone, and as a distance from now.
pub struct Times {
    /// The account's time zone.
    pub zone: Zone,
    now_ms: i64,
}

impl Times {
    fn now(zone: Zone) -> Self {
        let now_ms = clock::now_ms();
        Self { zone, now_ms }
    }

    /// Returns RFC 3339 with the account's offset.
    pub fn at(&self, ms: i64) -> String {
        timestamp::rfc3339_ms(ms, self.zone)
    }

    /// Returns the distance from now: `2h 3m ago`, `in 4m 12s`, `now`.
    pub fn relative(&self, ms: i64) -> String {
        let distance = ms.saturating_sub(self.now_ms);
        if distance.saturating_abs() < 1_000 {
            "now".into()
        } else if distance < 0 {
            format!("{} ago", brief(whole_seconds(distance)))
        } else {
            format!("in {}", brief(whole_seconds(distance)))
        }
    }
}

fn whole_seconds(ms: i64) -> i64 {
    ms.saturating_abs() / 1_000 * 1_000
}

/// Formats milliseconds in their two largest units: `2h 3m`.
pub fn brief(ms: i64) -> String {
    let time = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let words = humantime::format_duration(time).to_string();
    words.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_accounts_offset_and_a_distance_in_two_units() {
        let times = Times {
            zone: Zone::named("Asia/Kolkata").unwrap(),
            now_ms: 100_000_000,
        };
        assert_eq!(times.at(0), "1970-01-01T05:30:00.000+05:30");
        assert_eq!(times.relative(100_000_999), "now");
        assert_eq!(times.relative(100_252_345), "in 4m 12s");
        assert_eq!(times.relative(100_000_000 - 7_384_000), "2h 3m ago");
        assert_eq!(brief(123), "123ms");
        assert_eq!(brief(-1), "0s");
    }
}
