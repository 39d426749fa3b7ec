//! Events of living calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::document::RequestContent;

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
    /// The account's name, empty for the default account; `None` if it is not known.
    pub account: Option<String>,
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
