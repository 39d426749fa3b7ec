//! What a tracker keeps for the events of living calls.

use std::sync::Arc;

use metrics::counter;
use tokio::sync::broadcast::error::RecvError;
use tracing::warn;

use switchhook_core::call_history::LookupRecord;
use switchhook_core::live_events::EventChoices;
use switchhook_core::metric_names;

use super::EndedLookups;
use super::cdrs::CdrInput;

/// What a tracker needs for the events of living calls.
#[derive(Default)]
pub(super) struct LiveTracking {
    /// What is told; `None` for nothing.
    pub(super) choices: Option<Arc<EventChoices>>,
    pub(super) lookups: Option<EndedLookups>,
    /// Lookups that were lost.
    missed: u64,
}

/// What a tracker takes in besides the events of its switch.
pub(super) enum TrackerInput {
    /// Records of calls.
    Cdrs(CdrInput),
    /// A lookup that has ended.
    Lookup(Arc<LookupRecord>),
}

impl LiveTracking {
    /// Waits for the next lookup that ends. Those that are lost by then are counted. Cancel safe.
    pub(super) async fn next_lookup(&mut self, switch: &str) -> Arc<LookupRecord> {
        loop {
            let Some(lookups) = &mut self.lookups else {
                return std::future::pending().await;
            };
            match lookups.recv().await {
                Ok(lookup) => return lookup,
                Err(RecvError::Lagged(lost)) => {
                    self.missed += lost;
                    warn!(
                        switch,
                        lost, "lookups ended faster than they were read; no event tells of them"
                    );
                    counter!(metric_names::LOOKUP_EVENTS_MISSED, "switch" => switch.to_owned())
                        .increment(lost);
                }
                Err(RecvError::Closed) => self.lookups = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchhook_admin::live_calls::LiveCalls;

    #[tokio::test]
    async fn lookups_that_nobody_reads_in_time_are_counted_and_the_rest_is_told() {
        let calls = LiveCalls::default();
        let mut tracking = LiveTracking {
            lookups: Some(calls.ended_lookups()),
            ..LiveTracking::default()
        };
        for number in 0..1_030 {
            let lookup = LookupRecord {
                uuid: number.to_string(),
                ..LookupRecord::default()
            };
            calls.record_lookup(lookup, true);
        }
        let first = tracking.next_lookup("fs1").await;
        assert_eq!((first.uuid.as_str(), tracking.missed), ("6", 6));
        for number in 7..1_030 {
            let next = tracking.next_lookup("fs1").await;
            assert_eq!(next.uuid, number.to_string());
        }
        assert_eq!(tracking.missed, 6);
    }
}
