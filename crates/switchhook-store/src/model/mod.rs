//! The types that the store takes and returns.
//!
//! Times in fields named `_ms` are Unix milliseconds, those in `_us` Unix microseconds.

mod call;
mod document;
mod retention;
mod server;
mod unpublished;

pub use call::{
    CallFilter, CallParties, CallSearch, CallSummary, FinishedCallRecord, FinishedChannel,
    FinishedChannelPage, PersistedResponse, RecentCall, ReportedCall, StoredLeg,
};
pub use document::{
    ATTEMPTS_KEPT, Attempt, AttemptResult, ClaimRequest, ClaimedDocument, DeliveryKind,
    DeliveryOutcome, DocumentDetail, DocumentFilter, DocumentRow, DocumentState, EndpointBacklog,
    Lease, NewDocument, RequestContent,
};
pub use retention::Retention;
pub use server::DatabaseServer;
pub use unpublished::{NewUnpublishedCall, PublishedCall, UnpublishedCall};
