//! What a tracker keeps for the events of living calls.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use switchhook_core::call_history::LookupRecord;
use switchhook_core::live_events::EventChoices;

use super::EndedLookups;
use super::cdrs::CdrInput;

/// What a tracker needs for the events of living calls.
#[derive(Default)]
pub(super) struct LiveTracking {
    /// What is told; `None` for nothing.
    pub(super) choices: Option<Arc<EventChoices>>,
    pub(super) lookups: Option<EndedLookups>,
}

/// What a tracker takes in besides the events of its switch.
pub(super) enum TrackerInput {
    /// Records of calls.
    Cdrs(CdrInput),
    /// A lookup that has ended.
    Lookup(Arc<LookupRecord>),
}

impl LiveTracking {
    /// Waits for the next lookup that ends. Cancel safe.
    pub(super) async fn next_lookup(&mut self) -> Arc<LookupRecord> {
        loop {
            let Some(lookups) = &mut self.lookups else {
                return std::future::pending().await;
            };
            match lookups.recv().await {
                Ok(lookup) => return lookup,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => self.lookups = None,
            }
        }
    }
}
