//! How long finished calls and documents are kept.

use std::time::Duration;

use crate::clock::millis;

/// How long each kind of row is kept; `None` keeps it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Calls with their histories, counted from the call's end.
    pub calls: Option<Duration>,
    /// Persisted responses, counted from the response.
    pub responses: Option<Duration>,
    /// Delivered documents, requests and events, counted from the delivery, and expired events.
    pub delivered: Option<Duration>,
    /// Dead documents and requests, counted from the last attempt.
    pub dead: Option<Duration>,
    /// What operators did, and who was refused.
    pub audit: Option<Duration>,
}

impl Retention {
    /// Nothing is ever removed.
    pub const FOR_EVER: Self = Self {
        calls: None,
        responses: None,
        delivered: None,
        dead: None,
        audit: None,
    };

    /// Returns the oldest time (Unix milliseconds) that is kept of calls, responses, delivered,
    /// dead and expired documents, and of the audit, in this order; `None` where everything is kept.
    pub(crate) fn oldest_kept_ms(&self, now_ms: i64) -> [Option<i64>; 6] {
        let expired = self.delivered;
        [
            self.calls,
            self.responses,
            self.delivered,
            self.dead,
            expired,
            self.audit,
        ]
        .map(|keep| Some(now_ms.saturating_sub(millis(keep?))))
    }
}

/// Keeps dead documents for ever: they wait for an operator.
impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 3_600));
        Self {
            calls: days(90),
            responses: days(90),
            delivered: days(7),
            dead: None,
            audit: days(365),
        }
    }
}
