//! Events of living calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::document::{DocumentState, RequestContent};

/// Makes the request of an event, once its number in the call is known.
pub type RenderEvent = dyn Fn(u64) -> RequestContent + Send + Sync;

/// An event of a call that lives, to deliver at least once.
///
/// The store gives it the next number of its call, unless it has one with the same `fact` already.
#[derive(Clone)]
pub struct NewEvent {
    /// The switch's name.
    pub switch: String,
    /// The call's Unique-ID.
    pub call_uuid: String,
    /// Creation of the call's first leg.
    pub created_us: i64,
    /// The event's name in its call: equal for each instance that saw the same.
    pub fact: String,
    /// The event stands for these, after a gap of this instance. It is not stored if other
    /// instances may write to the store and told all of these: they saw everything. `None`: it
    /// stands for itself.
    pub instead_of: Option<Vec<String>>,
    /// The endpoint that receives it.
    pub endpoint: String,
    /// The flow's name.
    pub flow: String,
    /// The account's name; empty for the default account.
    pub account: String,
    /// The longest time that it waits for the event before it.
    pub wait: Duration,
    /// The time after which it is not worth sending.
    pub expire: Duration,
    /// Makes the request.
    pub render: Arc<RenderEvent>,
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent")
            .field("call_uuid", &self.call_uuid)
            .field("fact", &self.fact)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl PartialEq for NewEvent {
    fn eq(&self, other: &Self) -> bool {
        let call = |event: &Self| {
            (
                event.switch.clone(),
                event.call_uuid.clone(),
                event.created_us,
            )
        };
        call(self) == call(other) && self.fact == other.fact && self.endpoint == other.endpoint
    }
}

impl Eq for NewEvent {}

/// An event as it is stored, with what is sent of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place among all events: one that was stored later has a higher one, if it is of the
    /// same switch.
    pub position: i64,
    /// `webhook-id`.
    pub webhook_id: String,
    /// The endpoint that receives it.
    pub endpoint: String,
    /// The switch's name.
    pub switch: String,
    /// The call's Unique-ID.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// Its number in the call.
    pub sequence: u64,
    /// What it tells, for example `answered`.
    pub event: String,
    /// The state of its delivery.
    pub state: DocumentState,
    /// When it was stored.
    pub inserted_ms: i64,
    /// The URL, if the webhook's is a template.
    pub url: Option<String>,
    /// The exact bytes of the body.
    pub body: Bytes,
}

/// A selection of stored events; every condition must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// A flow.
    pub flow: Option<String>,
    /// Events that were stored at or after this time.
    pub from_ms: Option<i64>,
    /// Events before this position.
    pub before: Option<i64>,
}
