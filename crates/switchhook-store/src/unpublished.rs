//! Calls that are over and whose documents wait for recordings: each is leased by whoever sees
//! to them, and exchanged for its documents in one transaction, once.

use std::time::Duration;

use super::clock::between;
use super::model::{PublishedCall, UnpublishedCall};
use super::{Store, StoreError, ops};

/// A call that waits, of either database.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    switch: String,
    call_uuid: String,
    created_us: i64,
    inserted_ms: i64,
    until_ms: i64,
    json: String,
}

impl Row {
    /// Leased under this token, at `now_ms`.
    pub(super) fn leased(self, token: &[u8], now_ms: i64) -> UnpublishedCall {
        UnpublishedCall {
            id: self.id,
            token: token.to_vec(),
            switch: self.switch,
            call_uuid: self.call_uuid,
            created_us: self.created_us,
            json: self.json,
            since: between(self.inserted_ms, now_ms),
            left: between(now_ms, self.until_ms),
        }
    }
}

impl Store {
    /// Leases calls that are to be looked at now, at most `limit`, and those of a lease that ended.
    ///
    /// # Errors
    /// [`StoreError`]; what was leased all the same is free when the lease ends.
    pub async fn claim_unpublished(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<UnpublishedCall>, StoreError> {
        let token = self.leases.fresh();
        let claim = ops::ClaimUnpublished {
            limit,
            lease,
            token,
        };
        self.write(claim).await
    }

    /// Prolongs the lease of a call to `by` from now, or gives it back until then; whether it
    /// was still held.
    ///
    /// # Errors
    /// [`StoreError`]; the lease is as it was then.
    pub async fn postpone(&self, call: &UnpublishedCall, by: Duration) -> Result<bool, StoreError> {
        let (id, token) = (call.id, call.token.clone());
        self.write(ops::Postpone { id, token, by }).await
    }

    /// Exchanges a call for what was made of it; whether it was still held, and not done by
    /// another. A document that the call already has for a webhook stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one nothing was changed, and the same call may be
    /// made again.
    pub async fn publish(
        &self,
        call: UnpublishedCall,
        published: PublishedCall,
    ) -> Result<bool, StoreError> {
        self.write(ops::Publish { call, published }).await
    }

    /// How many calls wait for their recordings.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unpublished(&self) -> Result<u64, StoreError> {
        let (calls, _) = either!(self, db => db.unpublished(None).await)?;
        Ok(calls)
    }

    /// Until when, at the latest (ms since 1970), the documents wait of the call with one of
    /// these Unique-IDs; `None` when none does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unpublished_until(&self, uuids: &[&str]) -> Result<Option<i64>, StoreError> {
        let (_, until_ms) = either!(self, db => db.unpublished(Some(uuids)).await)?;
        Ok(until_ms)
    }
}
