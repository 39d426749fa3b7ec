//! Which endpoints fail at the moment, for the operator's page.
//!
//! The outbox writes, the page reads; this module imports neither.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An endpoint whose last attempts failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailingEndpoint {
    /// When the first of these attempts ended, ms since 1970.
    pub since_ms: i64,
    /// Failures since the last success.
    pub failures: u32,
    /// The outcome of the last attempt, in one sentence without secrets.
    pub last_result: String,
    /// The pause between two attempts; zero unless the endpoint is slowed down.
    pub pause: Duration,
    /// When the next attempt may begin, ms since 1970; `None` if it may begin now.
    pub next_ms: Option<i64>,
}

impl FailingEndpoint {
    /// Whether documents wait for the endpoint's sake: it failed often, or asked for a pause.
    #[must_use]
    pub fn is_slowed(&self, now_ms: i64) -> bool {
        !self.pause.is_zero() || self.next_ms.is_some_and(|next_ms| next_ms > now_ms)
    }
}

/// The failing endpoints by name, shared by the outbox and the page. Names are those of the
/// configuration.
#[derive(Debug, Default)]
pub struct EndpointStatuses {
    failing: Mutex<BTreeMap<String, FailingEndpoint>>,
}

impl EndpointStatuses {
    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, FailingEndpoint>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that an attempt failed; the time of the first failure stays. `since_ms` is used for
    /// the first one.
    pub fn failed(&self, endpoint: &str, status: FailingEndpoint) {
        let mut failing = self.failing();
        match failing.get_mut(endpoint) {
            Some(known) => {
                let since_ms = known.since_ms;
                *known = FailingEndpoint { since_ms, ..status };
            }
            None => drop(failing.insert(endpoint.to_owned(), status)),
        }
    }

    /// Records that an endpoint took a document, or that the configuration has it no more.
    pub fn clear(&self, endpoint: &str) {
        self.failing().remove(endpoint);
    }

    /// Records that the next attempt may begin now.
    pub fn reopened(&self, endpoint: &str) {
        if let Some(known) = self.failing().get_mut(endpoint) {
            known.next_ms = None;
        }
    }

    /// Returns the endpoints that are slowed down, by name.
    #[must_use]
    pub fn slowed(&self, now_ms: i64) -> BTreeMap<String, FailingEndpoint> {
        let failing = self.failing();
        let slowed = failing.iter().filter(|(_, one)| one.is_slowed(now_ms));
        slowed
            .map(|(name, one)| (name.clone(), one.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_slowed_since_its_first_failure_until_a_success() {
        let statuses = EndpointStatuses::default();
        let at = |since_ms, failures, pause_s| FailingEndpoint {
            since_ms,
            failures,
            last_result: "HTTP 503".into(),
            pause: Duration::from_secs(pause_s),
            next_ms: None,
        };
        statuses.failed("crm", at(10, 1, 0));
        assert!(statuses.slowed(20).is_empty(), "one failure slows nothing");
        statuses.failed("crm", at(30, 5, 1));
        let slowed = statuses.slowed(40);
        assert_eq!((slowed["crm"].since_ms, slowed["crm"].failures), (10, 5));
        statuses.clear("crm");
        assert!(statuses.slowed(50).is_empty());
        let waits = FailingEndpoint {
            next_ms: Some(100),
            ..at(60, 1, 0)
        };
        statuses.failed("crm", waits);
        assert!(statuses.slowed(99).contains_key("crm"), "Retry-After");
        assert!(statuses.slowed(100).is_empty());
    }
}
