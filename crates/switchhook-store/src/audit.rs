//! The audit.

use super::model::{AuditEntry, AuditFilter, NewAuditEntry};
use super::sql::audit::{self, PutAudit};
use super::{Store, StoreError};

impl Store {
    /// Stores what an operator did, or who was refused. The last 100,000 actions and 10,000 refusals
    /// are kept.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not stored.
    pub async fn put_audit(&self, entry: NewAuditEntry) -> Result<(), StoreError> {
        self.write(PutAudit(entry)).await
    }

    /// Returns entries of the audit, the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        read!(self, audit::audit, filter)
    }
}
