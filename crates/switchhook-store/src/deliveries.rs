//! The outbox: what is to be delivered, by whom, and how that went.

use std::time::Duration;

use super::model::{
    AttemptReport, Backlog, Claimed, DeliveryKind, DocumentDetail, DocumentRow, Filter, Keep,
    Lease, NewDocument, Settled, Want,
};
use super::{Store, StoreError, ops};

impl Store {
    /// Stores a request that nobody waits for, as `webhook_id` ([`new_id`](super::new_id)); whether it is
    /// new.
    ///
    /// # Errors
    /// [`StoreError`]. Whether it is stored may not be known then; made again with the same
    /// id, this stores it once.
    pub async fn put_request(
        &self,
        webhook_id: &str,
        request: NewDocument,
    ) -> Result<bool, StoreError> {
        let request = NewDocument {
            kind: DeliveryKind::Request,
            ..request
        };
        let webhook_id = webhook_id.to_owned();
        let put = ops::PutRequest {
            webhook_id,
            request,
        };
        self.write(put).await
    }

    /// Leases what is due now, and what was leased to somebody whose lease ended.
    ///
    /// # Errors
    /// [`StoreError`]. What was leased all the same, by a commit whose answer was lost, is
    /// free for the next claim of this store.
    pub async fn claim(&self, of: Vec<Want>, lease: Duration) -> Result<Vec<Claimed>, StoreError> {
        let (token, in_doubt) = self.leases.token();
        let claim = ops::Claim {
            wants: of,
            lease,
            token: token.clone(),
            in_doubt,
        };
        let claimed = self.write(claim).await;
        if claimed.is_err() {
            self.leases.doubt(token);
        }
        claimed
    }

    /// Ends a lease with what came of it.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`] when it is no longer held; after a recoverable
    /// error it still is.
    pub async fn settle(
        &self,
        lease: Lease,
        settled: Settled,
        report: AttemptReport,
    ) -> Result<(), StoreError> {
        let webhook_id = lease.webhook_id.clone();
        let settle = ops::Settle {
            lease,
            settled,
            report,
        };
        match self.write(settle).await? {
            true => Ok(()),
            false => Err(StoreError::StaleLease { webhook_id }),
        }
    }

    /// Gives claimed documents back; how many were still held.
    ///
    /// # Errors
    /// [`StoreError`]; their leases end by themselves then.
    pub async fn release(&self, leases: Vec<Lease>) -> Result<u64, StoreError> {
        self.write(ops::Release(leases)).await
    }

    /// Makes an endpoint's backlog due, each document as far as its `not_before`
    /// allows; how many were moved.
    ///
    /// # Errors
    /// [`StoreError`]; part of the backlog may be due then.
    pub async fn pull_forward(&self, endpoint: &str) -> Result<u64, StoreError> {
        let mut moved = 0;
        loop {
            // In chunks: whoever waits for the writer comes in between.
            let chunk = self.write(ops::PullForward(endpoint.to_owned())).await?;
            moved += chunk;
            if chunk < u64::from(ops::CHUNK) {
                return Ok(moved);
            }
        }
    }

    /// Stops sending to an endpoint, also after a restart.
    ///
    /// # Errors
    /// [`StoreError`]; it is not paused then.
    pub async fn pause(&self, endpoint: &str, reason: &str) -> Result<(), StoreError> {
        let (endpoint, reason) = (endpoint.to_owned(), reason.to_owned());
        self.write(ops::Pause { endpoint, reason }).await
    }

    /// Sends to a paused endpoint again; whether it was paused. Its documents
    /// begin a fresh schedule.
    ///
    /// # Errors
    /// [`StoreError`]; it is still paused then.
    pub async fn resume(&self, endpoint: &str) -> Result<bool, StoreError> {
        self.write(ops::Resume(endpoint.to_owned())).await
    }

    /// Paused endpoints, each with the reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pauses(&self) -> Result<Vec<(String, String)>, StoreError> {
        either!(self, db => db.pauses().await)
    }

    /// Removes what is kept no longer, up to a thousand rows of a kind; how many. What
    /// waits to be delivered and calls that are not over are never removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prune(&self, keep: Keep) -> Result<u64, StoreError> {
        self.write(ops::Prune(keep)).await
    }

    /// What waits, is being tried or is dead, for each endpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlogs(&self) -> Result<Vec<Backlog>, StoreError> {
        either!(self, db => db.backlogs().await)
    }

    /// The oldest `limit` documents that fit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents(&self, of: &Filter, limit: u32) -> Result<Vec<DocumentRow>, StoreError> {
        either!(self, db => db.documents(of, limit).await)
    }

    /// One document with its content and history.
    ///
    /// # Errors
    /// [`StoreError::NoSuchDocument`], or another [`StoreError`].
    pub async fn document(&self, webhook_id: &str) -> Result<DocumentDetail, StoreError> {
        let found = either!(self, db => db.document(webhook_id).await)?;
        found.ok_or_else(|| StoreError::NoSuchDocument {
            webhook_id: webhook_id.to_owned(),
        })
    }

    /// How many documents [`Store::replay`] would take: those being tried are not taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_replayable(&self, of: &Filter) -> Result<u64, StoreError> {
        either!(self, db => db.count_replayable(of).await)
    }

    /// Sends documents again, whatever their state, `gap` apart from now on, with
    /// a fresh schedule; ends the pauses of their endpoints. How many.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn replay(&self, filter: Filter, gap: Duration) -> Result<u64, StoreError> {
        self.write(ops::Replay { filter, gap }).await
    }
}
