//! What operators did, and who was refused.

/// An action of an operator, or a refusal. It names no caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The name of the user; empty if nobody was recognized.
    pub who: String,
    /// The address that the request came from, or `command line`.
    pub origin: String,
    /// What was done, for example `resend`.
    pub action: String,
    /// What it was done to, for example a `webhook-id`.
    pub target: String,
    /// The result, in words.
    pub result: String,
    /// Nobody was recognized, or the user may not do this.
    pub refused: bool,
}

/// A stored entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its position.
    pub id: i64,
    /// When it was, by the store's clock.
    pub at_ms: i64,
    /// The entry.
    pub entry: NewAuditEntry,
}

/// A selection of entries; every condition must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only entries before this [`AuditEntry::id`]: the next page.
    pub before: Option<i64>,
    /// Only entries of this target.
    pub target: Option<String>,
    /// The most entries to return.
    pub limit: u32,
}
