//! Finished calls whose documents wait for recordings: each is leased, and exchanged for its
//! documents in one transaction, once.

use std::time::Duration;

use super::model::{PublishedCall, UnpublishedCall};
use super::sql::unpublished::{self as sql, ClaimUnpublished, Postpone, Publish};
use super::{Store, StoreError};

impl Store {
    /// Leases at most `limit` calls that are due, or whose lease has ended.
    ///
    /// # Errors
    /// [`StoreError`]; calls that were leased nevertheless are free when the lease ends.
    pub async fn claim_unpublished(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<UnpublishedCall>, StoreError> {
        let claim = ClaimUnpublished {
            limit,
            lease,
            token: self.leases.fresh(),
        };
        self.write(claim).await
    }

    /// Moves the end of a call's lease to `by` from now, which prolongs it or gives the call back
    /// until then. Returns whether the lease was still held.
    ///
    /// # Errors
    /// [`StoreError`]; the lease is unchanged then.
    pub async fn postpone(&self, call: &UnpublishedCall, by: Duration) -> Result<bool, StoreError> {
        let (id, token) = (call.id, call.token.clone());
        self.write(Postpone { id, token, by }).await
    }

    /// Exchanges a call for its documents. Returns whether the lease was still held and the call
    /// not yet published. A document that the call has for a webhook already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one nothing was changed, and the same call may be
    /// made again.
    pub async fn publish(
        &self,
        call: UnpublishedCall,
        published: PublishedCall,
    ) -> Result<bool, StoreError> {
        self.write(Publish { call, published }).await
    }

    /// Returns how many calls wait for their recordings.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unpublished(&self) -> Result<u64, StoreError> {
        let (calls, _) = read!(self, sql::count, None)?;
        Ok(calls)
    }

    /// Returns the latest time (Unix milliseconds) until which the documents of a call with one
    /// of these Unique-IDs wait; `None` when no such call waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unpublished_until(&self, uuids: &[&str]) -> Result<Option<i64>, StoreError> {
        let (_, until_ms) = read!(self, sql::count, Some(uuids))?;
        Ok(until_ms)
    }
}
