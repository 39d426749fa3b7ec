//! Calls that are over and whose documents wait for recordings: each is leased by whoever sees
//! to them, and exchanged for its documents in one transaction, once.

use std::time::Duration;

use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::clock::between;
use super::model::{Published, Unpublished};
use super::{Store, StoreError, ops};

/// A call that waits, of either database.
pub(super) struct Row {
    id: i64,
    switch: String,
    call_uuid: String,
    created_us: i64,
    inserted_ms: i64,
    until_ms: i64,
    json: String,
}

impl<'r, R> FromRow<'r, R> for Row
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            switch: row.try_get("switch")?,
            call_uuid: row.try_get("call_uuid")?,
            created_us: row.try_get("created_us")?,
            inserted_ms: row.try_get("inserted_ms")?,
            until_ms: row.try_get("until_ms")?,
            json: row.try_get("json")?,
        })
    }
}

impl Row {
    /// Leased under this token, at `now_ms`.
    pub(super) fn leased(self, token: &[u8], now_ms: i64) -> Unpublished {
        Unpublished {
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
    ) -> Result<Vec<Unpublished>, StoreError> {
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
    pub async fn postpone(&self, call: &Unpublished, by: Duration) -> Result<bool, StoreError> {
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
        call: Unpublished,
        published: Published,
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
