//! Follows every leg of every call of a switch over its port 8021.
//!
//! ```text
//! switch -> link -> call_tracker (switchhook_core::ledger) -> writer -> store
//! ```
//!
//! One task reads events and keeps the ledger; a second one writes to the store. The queue
//! between them is short: if the store is slow, the task stops reading the socket, and the
//! switch keeps up to 100,000 events. Nothing is dropped here, and a leg whose events may
//! still be unread is not treated as missing.

mod call_tracker;
mod call_verifier;
mod cdr_intake;
mod cdr_recovery;
mod cdrs;
mod channel_fields;
mod clock_check;
mod event_lag;
mod event_loop;
mod follower;
mod gap_check;
mod link;
mod live;
mod live_tracking;
mod other_switches;
mod peer_instances;
mod questions;
mod restore;
mod shared_legs;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use eslclient::Limits;
use switchhook_core::call_history::LookupRecord;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::live_events::{EventChoices, LiveEvents};
use switchhook_core::secret::Secret;
use switchhook_core::tenants::Tenants;
use switchhook_store::{FinishedCallRecord, NewEvent};
use tokio::sync::broadcast;

pub(crate) use call_verifier::{CallClaim, CallVerifier, Confirmation};
pub use cdrs::{CdrInbox, CdrOptions, CdrRejection};
pub use follower::Follower;
pub(crate) use follower::Password;
pub(crate) use questions::SWITCH_PLACES;
pub(crate) use shared_legs::SharedLegs;

/// The settings of one followed switch.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// Host and port of its Event Socket.
    pub address: String,
    /// Its password.
    pub password: Secret,
    /// Its name in documents; `None` uses the name that the switch reports.
    pub name: Option<String>,
    /// Limits on what the switch sends. The list of its channels may be larger.
    pub frames: Limits,
    /// The time allowed from the connection until the switch accepts the password.
    pub connect_deadline: Duration,
    /// How long a call that seems over waits for events that the switch still owes.
    pub patience: Duration,
    /// Where the switch writes its CDR files, if they are to be read.
    pub cdrs: Option<CdrOptions>,
}

/// What a ledger needs of the configuration; a reload may change it.
#[derive(Debug, Clone, Default)]
pub struct LedgerSettings {
    /// The keys (without `flow.key.`) that no document shows, so that they need not be kept while
    /// the call lasts.
    pub unused_keys: Arc<[String]>,
    /// The accounts by which calls are told apart.
    pub tenants: Arc<Tenants>,
    /// What is told of calls while they live; `None` for nothing.
    pub event_choices: Option<Arc<EventChoices>>,
}

/// Turns a finished call into the record that is stored, its documents included.
///
/// The service's implementation is its document builder; the follower itself knows no configuration.
pub trait FinishCall: Send + Sync {
    /// Returns everything that the store writes for this call in one transaction.
    fn finish(&self, call: &FinishedCall) -> FinishedCallRecord;

    /// Returns the same for what is left of a call when its other legs turn out to be in documents
    /// of another instance. `first` is what [`FinishCall::finish`] returned for the whole call.
    fn finish_rest(&self, rest: &FinishedCall, first: &FinishedCallRecord) -> FinishedCallRecord;

    /// Returns what the ledger needs of the configuration. Asked before each event.
    fn settings(&self) -> LedgerSettings {
        LedgerSettings::default()
    }

    /// Returns the events that are told of a living call.
    fn events(&self, _of: &LiveEvents) -> Vec<NewEvent> {
        Vec::new()
    }

    /// Returns a receiver of the lookups that end from now on.
    fn ended_lookups(&self) -> Option<EndedLookups> {
        None
    }
}

/// Receives each lookup that ends in the middle of a call.
pub type EndedLookups = broadcast::Receiver<Arc<LookupRecord>>;
