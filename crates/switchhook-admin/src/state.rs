//! What every handler of the HTTP interface reads.
//!
//! The service fills it once at its start. A handler changes nothing in it: what changes is
//! behind the handles.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use switchhook_core::zone::Zone;
use tokio_util::sync::CancellationToken;

use switchhook_core::mask::Mask;
use switchhook_core::metrics_recorder::MetricsRecorder;
use switchhook_store::Store;
use switchhook_webhook::breakers::Breakers;

use crate::access::{Access, Kind, Role};
use crate::config_summary::{ConfigSummaries, ConfigSummary};
use crate::configuration::ConfigurationCell;
use crate::endpoint_status::EndpointStatuses;
use crate::guard::SharedGuard;
use crate::listener::KeyedPermits;
use crate::live_calls::LiveCalls;
use crate::webhook_tester::WebhookTester;

/// Open pages that get updates; a further one is refused, and stays as it is until a reload.
const MAX_STREAMS: usize = 64;
/// Open pages of one address; behind a proxy all pages have one.
const STREAMS_PER_ADDRESS: usize = 48;

/// The state of one component that the service needs.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Check {
    /// Short name: `esl`, `store`, `switch fs1`.
    pub name: String,
    /// Whether the component is healthy.
    pub ok: bool,
    /// Whether the service can serve no calls without it; otherwise a failure only warns.
    pub vital: bool,
    /// One sentence: the state, and the cure if it is not healthy.
    pub detail: String,
}

/// What the handlers and the pages read.
#[derive(Clone)]
pub struct AdminState {
    /// Returns the state of the components; called for `/readyz`, `/metrics` and every page.
    pub checks: Arc<dyn Fn() -> Vec<Check> + Send + Sync>,
    /// The settings of the webhooks.
    pub config_summaries: ConfigSummaries,
    /// The configuration in force, and the last reload.
    pub configuration: Arc<ConfigurationCell>,
    /// The metrics of the process.
    pub metrics: MetricsRecorder,
    /// The calls on hold, and the last lookups.
    pub live_calls: Arc<LiveCalls>,
    /// The endpoints whose deliveries fail.
    pub endpoint_statuses: Arc<EndpointStatuses>,
    /// The circuit breakers of the webhooks.
    pub breakers: Arc<Breakers>,
    /// Finished calls and documents.
    pub store: Store,
    /// The time zone of the page.
    pub time_zone: Zone,
    /// How numbers are shown.
    pub mask: Mask,
    /// The access rules.
    pub guard: SharedGuard,
    /// The path under which a proxy shows the page; empty for the root.
    pub base: Arc<str>,
    /// Sends test requests to webhooks.
    pub webhook_tester: WebhookTester,
    /// Permits of the pages that get updates.
    pub sse_permits: KeyedPermits<IpAddr>,
    /// Ends the streams of open pages when the service stops.
    pub stop: CancellationToken,
    /// What the request may see. The state that the service makes sees nothing; a handler gets one for
    /// its request.
    pub access: Access,
}

/// Handlers take the state as an argument, and not as `State`: this one has the request's access.
impl FromRequestParts<Self> for AdminState {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Self) -> Result<Self, Infallible> {
        let access = parts.extensions.get().cloned().unwrap_or_default();
        Ok(state.clone().with_access(access))
    }
}

impl AdminState {
    /// Returns the settings of a webhook, if the configuration has it.
    pub(crate) fn config_summary(&self, webhook: &str) -> Option<ConfigSummary> {
        self.config_summaries.load().get(webhook).cloned()
    }

    /// Returns the state for a request that may see and do this.
    pub(crate) fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Returns whether this request's page may change something: its user may, or the page asks for
    /// the token.
    pub(crate) fn changes_allowed(&self) -> bool {
        match self.access.kind() {
            Kind::Nobody => false,
            Kind::Local => self.guard.load().allows_changes(),
            Kind::User => self.access.role() == Role::Operator,
        }
    }

    /// Returns the path of the first page, which a cookie is for.
    pub(crate) fn root(&self) -> &str {
        if self.base.is_empty() {
            "/"
        } else {
            &self.base
        }
    }

    /// Returns the state of all components now.
    pub(crate) fn readiness(&self) -> Readiness {
        let checks = (self.checks)();
        Readiness {
            ready: checks.iter().all(|check| check.ok || !check.vital),
            checks,
        }
    }
}

/// Returns the permits of the pages that get updates.
#[must_use]
pub fn sse_permits() -> KeyedPermits<IpAddr> {
    KeyedPermits::new(MAX_STREAMS, STREAMS_PER_ADDRESS)
}

/// The body of `/readyz`.
#[derive(Serialize)]
pub(crate) struct Readiness {
    /// Whether every vital component is healthy.
    pub(crate) ready: bool,
    pub(crate) checks: Vec<Check>,
}
