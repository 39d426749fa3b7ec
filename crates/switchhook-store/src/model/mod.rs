//! The types that the store takes and returns.
//!
//! Times in fields named `_ms` are Unix milliseconds, those in `_us` Unix microseconds.

mod attempt;
mod call;
mod claim;
mod document;
mod event;
mod retention;
mod server;
mod unpublished;

pub(crate) use call::Finished;

pub use attempt::{ATTEMPTS_KEPT, Attempt, AttemptResult};
pub use call::{
    CallFilter, CallParties, CallSearch, CallSummary, FinishedCallRecord, FinishedChannel,
    FinishedChannelPage, PersistedResponse, RecentCall, ReportedCall, StoredLeg,
};
pub use claim::{ClaimRequest, ClaimedDocument, DeliveryOutcome, Lease};
pub use document::{
    DeliveryKind, DocumentDetail, DocumentFilter, DocumentRow, DocumentState, EndpointBacklog,
    NewDocument, RequestContent,
};
pub use event::{NewEvent, RenderEvent};
pub use retention::Retention;
pub use server::DatabaseServer;
pub use unpublished::{NewUnpublishedCall, PublishedCall, UnpublishedCall};
