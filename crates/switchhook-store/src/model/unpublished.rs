//! Finished calls whose documents wait for recordings.

use std::time::Duration;

use super::NewDocument;

/// A finished call whose documents are built later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUnpublishedCall {
    /// What the documents are built from: JSON in the caller's own format.
    pub json: String,
    /// After this time the documents are built without the recordings.
    pub wait: Duration,
}

/// A leased call whose documents are still to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpublishedCall {
    /// The row.
    pub(crate) id: i64,
    /// The lease's token.
    pub(crate) token: Vec<u8>,
    /// The switch's name.
    pub switch: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// Creation of that leg, µs since 1970.
    pub created_us: i64,
    /// [`NewUnpublishedCall::json`].
    pub json: String,
    /// How long the call has waited.
    pub waited: Duration,
    /// How much longer it may wait; zero when the wait is over.
    pub remaining: Duration,
}

/// The result of building a waiting call's documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedCall {
    /// Documents to deliver.
    pub documents: Vec<NewDocument>,
    /// The call's new history when a document lacks something; the call's row is then marked
    /// incomplete as well.
    pub incomplete_history: Option<String>,
}
