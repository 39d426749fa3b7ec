//! The outbox: documents are inserted once, claimed with a lease and settled with its token.

use std::time::Duration;

use super::{Columns as _, SqlConnection, Value, rows, statements, values};
use crate::clock::millis;
use crate::model::{
    AttemptResult, ClaimRequest, ClaimedDocument, DeliveryOutcome, Discarded, Lease, NewDocument,
    RequestContent,
};
use crate::operation::{CHUNK, Operation, Write};

/// Inserts a document or request under `webhook_id`, due now; returns whether it is new.
///
/// It is not new when the call has a document for that webhook already, or when the id exists.
pub(crate) async fn insert_document<C: SqlConnection>(
    db: &mut C,
    (switch, created_us): (&str, i64),
    (webhook_id, document): (&str, &NewDocument),
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let headers = headers_json(&document.content)?;
    let values = document_values(
        (switch, created_us),
        (webhook_id, &headers),
        document,
        now_ms,
    );
    let inserted = db.run(statements::INSERT_DOCUMENT, &values).await?;
    Ok(inserted == 1)
}

/// Returns the values of [`statements::document_row`].
pub(crate) fn document_values<'a>(
    (switch, created_us): (&'a str, i64),
    (webhook_id, headers): (&'a str, &'a str),
    document: &'a NewDocument,
    now_ms: i64,
) -> Vec<Value<'a>> {
    let content = &document.content;
    values![
        webhook_id,
        document.kind.as_str(),
        switch,
        &document.call_uuid,
        &document.flow,
        &document.webhook,
        &content.method,
        &content.url,
        headers,
        &content.body[..],
        now_ms,
        created_us,
        &document.account,
    ]
    .to_vec()
}

/// Returns a request's headers as the store keeps them.
pub(crate) fn headers_json(content: &RequestContent) -> Result<String, sqlx::Error> {
    serde_json::to_string(&content.headers).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Stores a background request; the output is `false` when its id is stored already.
pub(crate) struct PutRequest {
    pub(crate) webhook_id: String,
    pub(crate) request: NewDocument,
}

impl Operation for PutRequest {
    type Output = bool;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for PutRequest {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<bool, sqlx::Error> {
        insert_document(db, ("", 0), (&self.webhook_id, &self.request), now_ms).await
    }
}

/// Leases documents that are due, and those whose lease has ended.
pub(crate) struct Claim {
    pub(crate) requests: Vec<ClaimRequest>,
    pub(crate) lease: Duration,
    pub(crate) token: Vec<u8>,
    /// An earlier claim with this token may have been committed although its answer was lost.
    /// Its documents are freed first.
    pub(crate) in_doubt: bool,
}

impl Operation for Claim {
    type Output = Vec<ClaimedDocument>;
}

impl<C: SqlConnection> Write<C> for Claim {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Vec<ClaimedDocument>, sqlx::Error> {
        if self.in_doubt {
            let values = values![now_ms, &self.token];
            db.run(statements::FREE_CLAIM, values).await?;
        }
        let mut claimed = Vec::new();
        for request in &self.requests {
            claimed.extend(self.claim(db, request, now_ms).await?);
        }
        Ok(claimed)
    }
}

impl Claim {
    /// Leases one endpoint's documents; returns them in the order in which they were inserted.
    async fn claim<C: SqlConnection>(
        &self,
        db: &mut C,
        request: &ClaimRequest,
        now_ms: i64,
    ) -> Result<Vec<ClaimedDocument>, sqlx::Error> {
        let values = values![
            &self.token,
            now_ms,
            millis(self.lease),
            &request.endpoint,
            request.limit,
        ];
        let document = |row: &C::Row| rows::claimed_document(row, &self.token, now_ms);
        let mut claimed = db.rows(C::DIALECT.claim, values, document).await?;
        claimed.sort_by_key(|document| document.lease.id);
        Ok(claimed)
    }
}

/// Ends a lease with the attempt's outcome; the output is `false` when another claim has the
/// document.
pub(crate) struct Settle {
    pub(crate) lease: Lease,
    pub(crate) outcome: DeliveryOutcome,
    pub(crate) result: AttemptResult,
}

impl Operation for Settle {
    type Output = bool;
}

impl Settle {
    /// Returns the values of `settle_document!`.
    pub(crate) fn values(&self, now_ms: i64) -> [Value<'_>; 6] {
        let (state, wait, not_before) = self.next_state();
        [
            state.into(),
            now_ms.into(),
            millis(wait).into(),
            millis(not_before).into(),
            self.lease.id.into(),
            (&self.lease.token).into(),
        ]
    }

    /// Makes the call's next event due, if this one is settled for good.
    pub(crate) async fn free_next<C: SqlConnection>(
        &self,
        db: &mut C,
        now_ms: i64,
    ) -> Result<(), sqlx::Error> {
        let is_settled = !matches!(self.outcome, DeliveryOutcome::Retry { .. });
        if self.lease.is_event && is_settled {
            let values = values![now_ms, self.lease.id];
            db.run(statements::FREE_NEXT_EVENT, values).await?;
        }
        Ok(())
    }

    /// Returns when the attempt began, by the store's clock, and how long it took.
    pub(crate) fn attempt_times(&self, now_ms: i64) -> (i64, i64) {
        let took_ms = millis(self.result.took);
        (now_ms.saturating_sub(took_ms), took_ms)
    }

    /// Returns the document's new state, and from now the next attempt and the earliest one.
    const fn next_state(&self) -> (&'static str, Duration, Duration) {
        match self.outcome {
            DeliveryOutcome::Delivered => ("delivered", Duration::ZERO, Duration::ZERO),
            DeliveryOutcome::Retry { wait, not_before } => ("waiting", wait, not_before),
            DeliveryOutcome::Dead => ("dead", Duration::ZERO, Duration::ZERO),
            DeliveryOutcome::Expired => ("expired", Duration::ZERO, Duration::ZERO),
        }
    }
}

/// Gives leased documents back without an attempt; the output counts those still held.
pub(crate) struct Release(pub(crate) Vec<Lease>);

impl Operation for Release {
    type Output = u64;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for Release {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut released = 0;
        for lease in &self.0 {
            let values = values![now_ms, lease.id, &lease.token];
            released += db.run(statements::RELEASE, values).await?;
        }
        Ok(released)
    }
}

/// Makes an endpoint's backlog due, each document as far as its `not_before` allows; the output
/// counts the documents, at most [`CHUNK`].
pub(crate) struct MakeBacklogDue(pub(crate) String);

impl Operation for MakeBacklogDue {
    type Output = u64;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for MakeBacklogDue {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<u64, sqlx::Error> {
        let values = values![now_ms, &self.0, CHUNK];
        db.run(C::DIALECT.make_backlog_due, values).await
    }
}

/// Pauses an endpoint: its documents are not claimed.
pub(crate) struct Pause {
    pub(crate) endpoint: String,
    pub(crate) reason: String,
}

impl Operation for Pause {
    type Output = ();
}

impl<C: SqlConnection> Write<C> for Pause {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<(), sqlx::Error> {
        let values = values![&self.endpoint, now_ms, &self.reason];
        db.run(statements::PAUSE, values).await.map(drop)
    }
}

/// Ends an endpoint's pause; the output says whether it was paused.
pub(crate) struct Resume(pub(crate) String);

impl Operation for Resume {
    type Output = bool;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for Resume {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<bool, sqlx::Error> {
        request_retry(db, &self.0, now_ms).await?;
        resume(db, &self.0).await
    }
}

/// Lets an endpoint that is slowed down be tried now, with the document that is due next. If it
/// takes that one, the rest follows.
pub(crate) struct TryNow(pub(crate) String);

impl Operation for TryNow {
    type Output = ();
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for TryNow {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<(), sqlx::Error> {
        request_retry(db, &self.0, now_ms).await?;
        let values = values![now_ms, &self.0];
        db.run(statements::MAKE_NEXT_DUE, values).await.map(drop)
    }
}

/// Gives up documents that wait, and deletes dead and expired ones, by `webhook-id`.
pub(crate) struct Discard(pub(crate) Vec<String>);

impl Operation for Discard {
    type Output = Discarded;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for Discard {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Discarded, sqlx::Error> {
        let mut discarded = Discarded::default();
        for webhook_id in &self.0 {
            let values = values![now_ms, webhook_id];
            let row = |row: &C::Row| row.integer("id");
            let given_up = db.optional_row(statements::GIVE_UP, values, row).await?;
            if let Some(id) = given_up {
                let values = values![id, now_ms];
                db.run(statements::NOTE_GIVEN_UP, values).await?;
                let values = values![now_ms, id];
                db.run(statements::FREE_NEXT_EVENT, values).await?;
                discarded.given_up += 1;
            } else {
                let values = values![webhook_id];
                discarded.deleted += db.run(statements::DELETE_SETTLED, values).await?;
            }
        }
        Ok(discarded)
    }
}

/// Notes that an operator wants an endpoint's documents sent again, for services that slowed the
/// endpoint down.
pub(crate) async fn request_retry<C: SqlConnection>(
    db: &mut C,
    endpoint: &str,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let values = values![endpoint, now_ms];
    let put = db.run(statements::PUT_RETRY_REQUEST, values).await;
    put.map(drop)
}

/// Ends an endpoint's pause and begins a fresh schedule: the pause does not count against the
/// documents that waited.
pub(crate) async fn resume<C: SqlConnection>(
    db: &mut C,
    endpoint: &str,
) -> Result<bool, sqlx::Error> {
    let ended = db.run(statements::END_PAUSE, values![endpoint]).await?;
    if ended == 0 {
        return Ok(false);
    }
    let values = values![endpoint];
    db.run(statements::RESTART_SCHEDULES, values).await?;
    Ok(true)
}
