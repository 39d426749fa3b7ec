//! Claims of documents, and their outcomes.

use std::time::Duration;

use super::document::{DeliveryKind, RequestContent};

/// A claim's lease on one document: the proof that the claimer settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The document's row.
    pub(crate) id: i64,
    /// The lease's token.
    pub(crate) token: Vec<u8>,
    /// The document's `webhook-id`, for messages.
    pub(crate) webhook_id: String,
    /// It is an event: the next one of its call waits for it.
    pub(crate) is_event: bool,
}

impl Lease {
    /// Returns the `webhook-id` of the leased document.
    #[must_use]
    pub fn webhook_id(&self) -> &str {
        &self.webhook_id
    }
}

/// A leased document, to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDocument {
    /// The lease, which settles the document.
    pub lease: Lease,
    /// `webhook-id`; every attempt has the same.
    pub webhook_id: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// The endpoint that receives it.
    pub endpoint: String,
    /// Unique-ID of the call's first leg, for the log.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// The account's name, empty for the default account; `None` if it is not known.
    pub account: Option<String>,
    /// The switch's name; empty for a background request.
    pub switch: String,
    /// The request; every attempt has the same.
    pub content: RequestContent,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// From the first attempt to this one.
    pub since_first: Duration,
    /// How long an event is still worth sending; `None` for another kind.
    pub expires_in: Option<Duration>,
}

/// How many documents of one endpoint may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The endpoint.
    pub endpoint: String,
    /// The most documents to claim.
    pub limit: u32,
}

/// The outcome of a claimed document's attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver answered 2xx.
    Delivered,
    /// The attempt failed; another one follows.
    Retry {
        /// From now to the next attempt.
        wait: Duration,
        /// The earliest next attempt from now, also when the endpoint's backlog is made due.
        not_before: Duration,
    },
    /// The last attempt failed.
    Dead,
    /// The attempt failed, and the event is too old for another one.
    Expired,
}
