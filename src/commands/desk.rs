//! What the commands over the store share: the store beside a running service, names and
//! times.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use switchhook::call::tenants::Tenants;
use switchhook::config::Config;
use switchhook::report;
use switchhook::service::{store_options, tenants};
use switchhook::store::{Clock, Role, Store};

/// An operator's place: the store and the account's time zone.
pub struct Desk {
    /// Open beside a service that may be running.
    pub store: Store,
    /// How times are shown.
    pub times: Times,
    /// Whose time zone the times of a call have.
    pub tenants: Arc<Tenants>,
    webhooks: Vec<String>,
}

impl Desk {
    /// Opens the store of the configuration at `path`; no secret of it needs to be there.
    ///
    /// # Errors
    /// What is wrong with the configuration, or the store, and the cure.
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

    /// Paused webhooks, each with the reason.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub async fn pauses(&self) -> Result<BTreeMap<String, String>, String> {
        let pauses = self.store.pauses().await;
        let pauses = pauses.map_err(|error| error.to_string())?;
        Ok(pauses.into_iter().collect())
    }

    /// Whether the configuration has a webhook of this name: for a name that nothing was
    /// found under, which may be a slip.
    ///
    /// # Errors
    /// The names there are.
    pub fn check_name(&self, webhook: &str) -> Result<(), String> {
        match self.webhooks.iter().any(|name| name == webhook) {
            true => Ok(()),
            false => Err(super::unknown_webhook(webhook, &self.webhooks)),
        }
    }
}

/// Times for people: in the account's zone, and how far from now.
pub struct Times {
    /// The account's.
    pub zone: Tz,
    now_ms: i64,
}

impl Times {
    fn now(zone: Tz) -> Self {
        let now = Clock::Database.since_1970().as_millis();
        let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
        Self { zone, now_ms }
    }

    /// RFC 3339 with the account's offset.
    pub fn at(&self, ms: i64) -> String {
        report::moment(ms, self.zone)
    }

    /// `2h 3m ago`, `in 4m 12s`, `now`.
    pub fn away(&self, ms: i64) -> String {
        let away = ms.saturating_sub(self.now_ms);
        match away.saturating_abs() < 1_000 {
            true => "now".into(),
            false if away < 0 => format!("{} ago", brief(whole_seconds(away))),
            false => format!("in {}", brief(whole_seconds(away))),
        }
    }
}

fn whole_seconds(ms: i64) -> i64 {
    ms.saturating_abs() / 1_000 * 1_000
}

/// Milliseconds in their two largest units, `2h 3m`.
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
            zone: Tz::Asia__Kolkata,
            now_ms: 100_000_000,
        };
        assert_eq!(times.at(0), "1970-01-01T05:30:00.000+05:30");
        assert_eq!(times.away(100_000_999), "now");
        assert_eq!(times.away(100_252_345), "in 4m 12s");
        assert_eq!(times.away(100_000_000 - 7_384_000), "2h 3m ago");
        assert_eq!(brief(123), "123ms");
        assert_eq!(brief(-1), "0s");
    }
}
