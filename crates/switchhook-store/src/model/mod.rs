//! The types that the store takes and returns.
//!
//! Times in fields named `_ms` are Unix milliseconds, those in `_us` Unix microseconds.

mod attempt;
mod audit;
mod call;
mod claim;
mod document;
mod event;
mod retention;
mod server;
mod stat;
mod unpublished;

pub(crate) use call::Finished;

pub use attempt::{ATTEMPTS_KEPT, Attempt, AttemptResult};
pub use audit::{AuditEntry, AuditFilter, NewAuditEntry};
pub use call::{
    CallColumns, CallFilter, CallParties, CallSearch, CallSummary, FinishedCallRecord,
    FinishedChannel, FinishedChannelPage, PersistedResponse, RecentCall, ReportedCall, StoredLeg,
};
pub use claim::{ClaimRequest, ClaimedDocument, DeliveryOutcome, Lease};
pub use document::{
    DeliveryKind, Discarded, DocumentDetail, DocumentFilter, DocumentRow, DocumentState,
    EndpointBacklog, NewDocument, RequestContent,
};
pub use event::{EventFilter, NewEvent, RenderEvent, StoredEvent};
pub use retention::Retention;
pub use server::DatabaseServer;
pub use stat::{StatCell, StatDimension, StatQuery, StatSeries, StatSpan};
pub use unpublished::{NewUnpublishedCall, PublishedCall, UnpublishedCall};
