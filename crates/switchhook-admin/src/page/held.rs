//! What holds up the documents of an endpoint.

use std::collections::BTreeMap;

use crate::endpoint_status::FailingEndpoint;
use crate::state::AdminState;
use switchhook_core::clock;
use switchhook_store::EndpointBacklog;

use super::visible;

/// Why the documents of endpoints wait longer than their schedule says.
#[derive(Default)]
pub(crate) struct Held {
    /// Paused endpoints.
    paused: Vec<EndpointBacklog>,
    /// Endpoints that this instance slowed down.
    slowed: BTreeMap<String, FailingEndpoint>,
}

impl Held {
    /// Returns what holds up the endpoints of these backlogs.
    pub(crate) fn of(state: &AdminState, backlogs: &[EndpointBacklog]) -> Self {
        let paused = backlogs.iter().filter(|backlog| backlog.paused.is_some());
        let mut slowed = state.endpoint_statuses.slowed(clock::now_ms());
        if state.access.is_limited() {
            // Those that have documents of the user's accounts.
            slowed.retain(|name, _| backlogs.iter().any(|backlog| backlog.endpoint == *name));
        }
        Self {
            paused: paused.cloned().collect(),
            slowed,
        }
    }

    /// Reads the backlogs; without the store, only what this instance knows.
    pub(crate) async fn read(state: &AdminState) -> Self {
        let backlogs = visible::backlogs(state).await.unwrap_or_default();
        Self::of(state, &backlogs)
    }

    /// Whether an endpoint is paused.
    pub(crate) fn is_paused(&self, endpoint: &str) -> bool {
        self.paused.iter().any(|paused| paused.endpoint == endpoint)
    }

    /// Returns how a slowed endpoint fails.
    pub(crate) fn slowed(&self, endpoint: &str) -> Option<&FailingEndpoint> {
        self.slowed.get(endpoint)
    }

    /// Returns every paused endpoint.
    pub(crate) fn all_paused(&self) -> &[EndpointBacklog] {
        &self.paused
    }

    /// Returns every slowed endpoint, by name.
    pub(crate) fn all_slowed(&self) -> impl Iterator<Item = (&String, &FailingEndpoint)> {
        self.slowed.iter()
    }

    /// Whether nothing is held up.
    pub(crate) fn is_empty(&self) -> bool {
        self.paused.is_empty() && self.slowed.is_empty()
    }
}
