//! Documents and background requests: what is delivered, and its state.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;

/// What a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// A finished call's details; once for each call and webhook.
    Document,
    /// The request of a webhook with `wait_for_response = false`; any number for each call.
    Request,
    /// What happened in a call while it lived; numbered in its call.
    Event,
}

impl DeliveryKind {
    /// Returns the word in the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Request => "request",
            Self::Event => "event",
        }
    }

    /// Returns the kind with this word.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "request" => Self::Request,
            "event" => Self::Event,
            _ => Self::Document,
        }
    }
}

/// The request of a delivery, without secrets: authentication and signatures are added at every
/// attempt. The endpoint supplies what is `None` at that time, so that a corrected URL applies
/// to the backlog as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContent {
    /// HTTP method.
    pub method: Option<String>,
    /// Rendered URL.
    pub url: Option<String>,
    /// Rendered headers, for example `content-type`.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: Bytes,
}

impl RequestContent {
    /// Returns a request that has a body, and everything else from its endpoint.
    #[must_use]
    pub fn of_body(body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..Self::default()
        }
    }
}

/// A document or request to deliver at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// What it is.
    pub kind: DeliveryKind,
    /// The webhook, which is the endpoint that receives it.
    pub webhook: String,
    /// The flow's name.
    pub flow: String,
    /// The account's name; empty for the default account.
    pub account: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// The request.
    pub content: RequestContent,
}

impl NewDocument {
    /// Returns a finished call's document; the endpoint supplies method, URL and headers.
    #[must_use]
    pub fn document(webhook: &str, flow: &str, call_uuid: &str, body: impl Into<Bytes>) -> Self {
        Self {
            kind: DeliveryKind::Document,
            webhook: webhook.to_owned(),
            flow: flow.to_owned(),
            account: String::new(),
            call_uuid: call_uuid.to_owned(),
            content: RequestContent {
                body: body.into(),
                ..RequestContent::default()
            },
        }
    }
}

/// The state of a document.
///
/// A claim leases a waiting document, or one whose lease has ended. The outcome makes a leased
/// document waiting, delivered or dead. A replay makes delivered and dead ones waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentState {
    /// The next attempt is due at the due time.
    Waiting,
    /// An attempt is in progress; the lease ends at the due time.
    Leased,
    /// The receiver answered 2xx.
    Delivered,
    /// Attempts failed for eight days; kept until it is replayed.
    Dead,
    /// An event that was not delivered while it was worth sending.
    Expired,
}

impl DocumentState {
    /// Every state, in the order of a document's life.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Leased,
        Self::Delivered,
        Self::Dead,
        Self::Expired,
    ];

    /// Returns the word in the store, in lists and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Expired => "expired",
        }
    }

    /// Returns the due time of a document in this state; `None` when nothing is due.
    pub(crate) const fn due(self, due_ms: i64) -> Option<i64> {
        match self {
            Self::Waiting | Self::Leased => Some(due_ms),
            Self::Delivered | Self::Dead | Self::Expired => None,
        }
    }
}

impl fmt::Display for DocumentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for DocumentState {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| format!("{word:?} is not waiting, leased, delivered, dead or expired"))
    }
}

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentRow {
    /// `webhook-id`.
    pub webhook_id: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// The endpoint that receives it.
    pub endpoint: String,
    /// The switch's name; empty for a background request.
    pub switch: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// An event's number in its call; `None` for another kind.
    pub sequence: Option<i64>,
    /// What an event tells, for example `answered`; `None` for another kind.
    pub event: Option<String>,
    /// The state.
    pub state: DocumentState,
    /// Attempts begun.
    pub attempts: u32,
    /// When the document was built.
    pub inserted_ms: i64,
    /// When the next attempt is due (waiting), or when the lease ends (leased).
    pub due_ms: Option<i64>,
    /// When the last attempt began.
    pub last_ms: Option<i64>,
    /// Size of the body in bytes.
    pub body_bytes: u64,
    /// Status or error of the last attempt; empty before the first one.
    pub last_result: String,
}

/// A document with its request and its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentDetail {
    /// The document as in the list.
    pub row: DocumentRow,
    /// The request.
    pub content: RequestContent,
    /// The last attempts, oldest first; at most [`ATTEMPTS_KEPT`](super::ATTEMPTS_KEPT).
    pub attempts: Vec<Attempt>,
}

/// A selection of documents; every condition must match. An empty filter selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentFilter {
    /// `webhook-id`s.
    pub ids: Vec<String>,
    /// States; empty for every state.
    pub states: Vec<DocumentState>,
    /// An endpoint.
    pub endpoint: Option<String>,
    /// Documents that were built at or after this time.
    pub from_ms: Option<i64>,
    /// Documents that were built before this time.
    pub until_ms: Option<i64>,
    /// Only documents of these accounts (empty: the default account); `None` for every document.
    pub accounts: Option<Vec<String>>,
}

/// What became of documents that an operator discards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Documents that waited; they are kept as dead, events as expired.
    pub given_up: u64,
    /// Documents that were dead or expired; they are deleted.
    pub deleted: u64,
}

/// How many documents of an endpoint are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EndpointBacklog {
    /// The endpoint.
    pub endpoint: String,
    /// Documents that wait for their next attempt.
    pub waiting: u64,
    /// Documents whose attempt is in progress.
    pub leased: u64,
    /// Documents that are kept for a replay.
    pub dead: u64,
    /// When the oldest waiting document was built.
    pub oldest_ms: Option<i64>,
    /// Why the endpoint is paused; `None` when it is not.
    pub paused: Option<String>,
    /// Since when it is paused.
    pub paused_since_ms: Option<i64>,
}
