//! A document of the outbox as the commands print it.

use std::collections::BTreeMap;

use serde::Serialize;
use switchhook_store::{DeliveryKind, DocumentRow, DocumentState};

use crate::commands::store_context::Times;

/// Paused webhooks, each with the reason.
pub type Pauses = BTreeMap<String, String>;

/// One document. `--json` prints the field names, so they are a contract. Times are RFC 3339.
#[derive(Debug, Serialize)]
pub struct Row<'a> {
    pub id: &'a str,
    pub kind: DeliveryKind,
    pub webhook: &'a str,
    pub call: &'a str,
    pub flow: &'a str,
    pub switch: &'a str,
    pub state: DocumentState,
    pub attempts: u32,
    pub made: String,
    /// `None` if there is no next attempt, one is under way, or the webhook is paused.
    pub next_attempt: Option<String>,
    pub last_attempt: Option<String>,
    pub last_outcome: &'a str,
    /// The reason why the webhook is paused.
    pub paused: Option<&'a str>,
    pub body_bytes: u64,
}

impl<'a> Row<'a> {
    pub fn new(row: &'a DocumentRow, pauses: &'a Pauses, times: &Times) -> Self {
        let waits = row.state == DocumentState::Waiting;
        let paused = pauses.get(&row.endpoint).filter(|_| waits);
        let due = row.due_ms.filter(|_| waits && paused.is_none());
        Self {
            id: &row.webhook_id,
            kind: row.kind,
            webhook: &row.endpoint,
            call: &row.call_uuid,
            flow: &row.flow,
            switch: &row.switch,
            state: row.state,
            attempts: row.attempts,
            made: times.at(row.inserted_ms),
            next_attempt: due.map(|at| times.at(at)),
            last_attempt: row.last_ms.map(|at| times.at(at)),
            last_outcome: &row.last_result,
            paused: paused.map(String::as_str),
            body_bytes: row.body_bytes,
        }
    }

    /// Returns the time of the next attempt, or a word in its place.
    pub fn next_in_words(&self) -> &str {
        match (self.state, &self.next_attempt) {
            (DocumentState::Waiting, Some(at)) => at,
            (DocumentState::Waiting, None) => "paused",
            (DocumentState::Leased, _) => "under way",
            (DocumentState::Delivered | DocumentState::Dead | DocumentState::Expired, _) => "none",
        }
    }
}

pub const fn kind_word(kind: DeliveryKind) -> &'static str {
    match kind {
        DeliveryKind::Document => "document",
        DeliveryKind::Request => "request",
        DeliveryKind::Event => "event",
    }
}
