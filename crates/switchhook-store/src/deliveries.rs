//! The outbox: documents and background requests, their leases, outcomes and replays.

use std::time::Duration;

use super::model::{
    AttemptResult, ClaimRequest, ClaimedDocument, DeliveryKind, DeliveryOutcome, Discarded,
    DocumentDetail, DocumentFilter, DocumentRow, EndpointBacklog, EventFilter, Lease, NewDocument,
    NewEvent, Retention, StoredEvent,
};
use super::operation::CHUNK;
use super::sql::documents::{self, Replay};
use super::sql::events::{self, ExpireEvents, PutEvent};
use super::sql::outbox::{
    Claim, Discard, MakeBacklogDue, Pause, PutRequest, Release, Resume, Settle, TryNow,
};
use super::sql::prune::Prune;
use super::{Store, StoreError};

/// Deliveries.
impl Store {
    /// Stores a background request as `webhook_id` (see [`new_id`](super::new_id)). Returns
    /// whether it is new.
    ///
    /// # Errors
    /// [`StoreError`]. The request may be stored nevertheless; a second call with the same id
    /// stores it once.
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
        let put = PutRequest {
            webhook_id,
            request,
        };
        self.write(put).await
    }

    /// Stores an event, unless it is stored already. Returns its number in the call, if it is new.
    ///
    /// # Errors
    /// [`StoreError`]; the event may be stored nevertheless, and a second call stores it once.
    pub async fn put_event(&self, event: NewEvent) -> Result<Option<u64>, StoreError> {
        self.write(PutEvent(event)).await
    }

    /// Marks events that are too old to be sent, and returns the endpoint of each.
    ///
    /// # Errors
    /// [`StoreError`]; part of them may be marked then.
    pub async fn expire_events(&self) -> Result<Vec<String>, StoreError> {
        let mut endpoints = Vec::new();
        loop {
            let chunk = self.write(ExpireEvents).await?;
            let is_last = chunk.len() < CHUNK as usize;
            endpoints.extend(chunk);
            if is_last {
                return Ok(endpoints);
            }
        }
    }

    /// Leases documents that are due, or whose lease has ended.
    ///
    /// # Errors
    /// [`StoreError`]. Documents that were leased nevertheless, since the answer to the commit
    /// was lost, are free for the next claim of this store.
    pub async fn claim(
        &self,
        requests: Vec<ClaimRequest>,
        lease: Duration,
    ) -> Result<Vec<ClaimedDocument>, StoreError> {
        let (token, in_doubt) = self.leases.next_claim();
        let claim = Claim {
            requests,
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

    /// Ends a lease with the attempt's outcome.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`] when the lease is no longer held; after a recoverable error it
    /// still is.
    pub async fn settle(
        &self,
        lease: Lease,
        outcome: DeliveryOutcome,
        result: AttemptResult,
    ) -> Result<(), StoreError> {
        let webhook_id = lease.webhook_id.clone();
        let settle = Settle {
            lease,
            outcome,
            result,
        };
        if self.write(settle).await? {
            Ok(())
        } else {
            Err(StoreError::StaleLease { webhook_id })
        }
    }

    /// Gives leased documents back without an attempt. Returns how many leases were still held.
    ///
    /// # Errors
    /// [`StoreError`]; the leases end at their time then.
    pub async fn release(&self, leases: Vec<Lease>) -> Result<u64, StoreError> {
        self.write(Release(leases)).await
    }

    /// Makes an endpoint's backlog due, each document as far as its `not_before` allows. Returns
    /// how many documents became due.
    ///
    /// # Errors
    /// [`StoreError`]; part of the backlog may be due then.
    pub async fn make_backlog_due(&self, endpoint: &str) -> Result<u64, StoreError> {
        let mut documents = 0;
        loop {
            // In chunks, so that other writes come in between.
            let chunk = self.write(MakeBacklogDue(endpoint.to_owned())).await?;
            documents += chunk;
            if chunk < u64::from(CHUNK) {
                return Ok(documents);
            }
        }
    }

    /// Pauses an endpoint, also after a restart.
    ///
    /// # Errors
    /// [`StoreError`]; it is not paused then.
    pub async fn pause(&self, endpoint: &str, reason: &str) -> Result<(), StoreError> {
        let (endpoint, reason) = (endpoint.to_owned(), reason.to_owned());
        self.write(Pause { endpoint, reason }).await
    }

    /// Ends an endpoint's pause and begins a fresh schedule for its documents. Returns whether it
    /// was paused.
    ///
    /// # Errors
    /// [`StoreError`]; it is still paused then.
    pub async fn resume(&self, endpoint: &str) -> Result<bool, StoreError> {
        self.write(Resume(endpoint.to_owned())).await
    }

    /// Lets an endpoint be tried now, by every service that slowed it down, with the document that
    /// is due next.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn try_now(&self, endpoint: &str) -> Result<(), StoreError> {
        self.write(TryNow(endpoint.to_owned())).await
    }

    /// Gives up documents that wait, which keeps them as dead (events as expired), and deletes dead
    /// and expired ones. Others stay as they are.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn discard(&self, webhook_ids: Vec<String>) -> Result<Discarded, StoreError> {
        self.write(Discard(webhook_ids)).await
    }

    /// Returns paused endpoints, each with the reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pauses(&self) -> Result<Vec<(String, String)>, StoreError> {
        read!(self, documents::pauses)
    }

    /// Returns when operators last wanted documents sent again, by endpoint, in milliseconds by
    /// the store's clock: [`Store::replay`] and [`Store::resume`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry_requests(&self) -> Result<Vec<(String, i64)>, StoreError> {
        read!(self, documents::retry_requests)
    }

    /// Removes old rows, up to a thousand of a kind. Returns how many. Waiting documents and
    /// calls in progress are never removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prune(&self, retention: Retention) -> Result<u64, StoreError> {
        self.write(Prune(retention)).await
    }
}

/// The operator's view.
impl Store {
    /// Returns the backlog of each endpoint that has something to send, or is paused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlogs(&self) -> Result<Vec<EndpointBacklog>, StoreError> {
        read!(self, documents::backlogs)
    }

    /// Returns the backlog of each endpoint that has documents of these accounts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlogs_of(
        &self,
        accounts: &[String],
    ) -> Result<Vec<EndpointBacklog>, StoreError> {
        read!(self, documents::backlogs_of_accounts, accounts)
    }

    /// Returns the oldest `limit` documents of a filter.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents(
        &self,
        filter: &DocumentFilter,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        read!(self, documents::documents, filter, limit)
    }

    /// Returns a document with its request and its history.
    ///
    /// # Errors
    /// [`StoreError::NoSuchDocument`], or another [`StoreError`].
    pub async fn document(&self, webhook_id: &str) -> Result<DocumentDetail, StoreError> {
        let found = read!(self, documents::document, webhook_id)?;
        found.ok_or_else(|| StoreError::NoSuchDocument {
            webhook_id: webhook_id.to_owned(),
        })
    }

    /// Returns the newest `limit` events of a filter, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_events(
        &self,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        read!(self, events::newest_events, filter, limit)
    }

    /// Returns at most `limit` events after a position, without those at the positions `known`.
    ///
    /// If other instances may write to the store ([`Store::is_shared`]), an event of another switch
    /// may be stored later under a lower position, within [`LONGEST_WRITE`](super::LONGEST_WRITE).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_after(
        &self,
        after: i64,
        known: &[i64],
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        read!(self, events::events_after, after, known, limit)
    }

    /// Returns a position that no event which is stored by now is behind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_position(&self) -> Result<i64, StoreError> {
        read!(self, events::last_position)
    }

    /// Returns how many documents [`Store::replay`] would take: not those whose attempt is in
    /// progress.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_replayable(&self, filter: &DocumentFilter) -> Result<u64, StoreError> {
        read!(self, documents::count_replayable, filter)
    }

    /// Sends a filter's documents again, `gap` apart from now on, with a fresh schedule, and ends
    /// the pauses of their endpoints. Returns how many documents.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn replay(&self, filter: DocumentFilter, gap: Duration) -> Result<u64, StoreError> {
        self.write(Replay { filter, gap }).await
    }
}
