//! Finds out that an operator wants an endpoint's documents sent again, also from another process.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use switchhook_store::StoreError;

/// The last known request of each endpoint.
#[derive(Debug, Default)]
pub(super) struct RetryRequests {
    /// By endpoint: when it was made, by the store's clock. `None` before the first look.
    seen: Option<HashMap<String, i64>>,
    look_at: Option<Instant>,
    is_looking: bool,
}

impl RetryRequests {
    /// Whether to look now: `every` so often, and one look at a time.
    pub(super) fn begins_look(&mut self, every: Duration, now: Instant) -> bool {
        if self.is_looking || self.look_at.is_some_and(|at| now < at) {
            return false;
        }
        self.is_looking = true;
        self.look_at = Some(now + every);
        true
    }

    /// Takes what a look found. Returns the endpoints with a new request.
    pub(super) fn take(&mut self, found: Result<Vec<(String, i64)>, StoreError>) -> Vec<String> {
        self.is_looking = false;
        let Ok(found) = found else {
            // The store reports its errors itself.
            return Vec::new();
        };
        let is_new = |(endpoint, at_ms): &&(String, i64)| {
            let seen = self.seen.as_ref();
            seen.is_some_and(|seen| seen.get(endpoint).is_none_or(|seen| seen < at_ms))
        };
        let new = found
            .iter()
            .filter(is_new)
            .map(|(endpoint, _)| endpoint.clone());
        let new: Vec<String> = new.collect();
        self.seen = Some(found.into_iter().collect());
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_after_the_first_look_are_new() {
        let mut requests = RetryRequests::default();
        let at = |at_ms| Ok(vec![("crm".to_owned(), at_ms)]);
        assert!(requests.take(at(5)).is_empty());
        assert!(requests.take(at(5)).is_empty());
        assert_eq!(requests.take(at(6)), ["crm"]);
        assert!(requests.take(Err(StoreError::Closed)).is_empty());
        assert!(requests.take(at(6)).is_empty());
    }
}
