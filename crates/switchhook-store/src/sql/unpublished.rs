//! Finished calls that wait for recordings: claimed with a lease, exchanged for their documents.

use std::time::Duration;

use super::{Columns as _, SqlConnection, Value, outbox, rows, statements, values};
use crate::clock::millis;
use crate::model::{FinishedCallRecord, PublishedCall, UnpublishedCall};
use crate::new_id;
use crate::operation::{Operation, Write};

/// Inserts a call that waits; not one whose documents are built already.
pub(crate) async fn insert<C: SqlConnection>(
    db: &mut C,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let Some(unpublished) = &call.unpublished else {
        return Ok(());
    };
    let values = values![
        &call.switch,
        &call.call_uuid,
        call.created_us,
        now_ms,
        millis(unpublished.wait),
        &unpublished.json,
    ];
    let inserted = db.run(statements::INSERT_UNPUBLISHED, values).await;
    inserted.map(drop)
}

/// Leases waiting calls that are due, and those whose lease has ended.
pub(crate) struct ClaimUnpublished {
    pub(crate) limit: u32,
    pub(crate) lease: Duration,
    pub(crate) token: Vec<u8>,
}

impl Operation for ClaimUnpublished {
    type Output = Vec<UnpublishedCall>;
}

impl<C: SqlConnection> Write<C> for ClaimUnpublished {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Vec<UnpublishedCall>, sqlx::Error> {
        let values = values![&self.token, now_ms, millis(self.lease), self.limit];
        let call = |row: &C::Row| rows::unpublished_call(row, &self.token, now_ms);
        db.rows(C::DIALECT.claim_unpublished, values, call).await
    }
}

/// Moves the end of a lease to `by` from now; the output is `false` when another claim has the
/// call.
pub(crate) struct Postpone {
    pub(crate) id: i64,
    pub(crate) token: Vec<u8>,
    pub(crate) by: Duration,
}

impl Operation for Postpone {
    type Output = bool;
}

impl<C: SqlConnection> Write<C> for Postpone {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<bool, sqlx::Error> {
        let values = values![now_ms, millis(self.by), self.id, &self.token];
        Ok(db.run(statements::POSTPONE, values).await? == 1)
    }
}

/// Exchanges a leased call for its documents; the output is `false` when another claim has the
/// call, or has published it.
pub(crate) struct Publish {
    pub(crate) call: UnpublishedCall,
    pub(crate) published: PublishedCall,
}

impl Operation for Publish {
    type Output = bool;
    const INSERTS: bool = true;
}

impl<C: SqlConnection> Write<C> for Publish {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<bool, sqlx::Error> {
        let Self { call, published } = self;
        let values = values![call.id, &call.token];
        if db.run(statements::DELETE_UNPUBLISHED, values).await? == 0 {
            return Ok(false);
        }
        let of_call = (call.switch.as_str(), call.created_us);
        for document in &published.documents {
            outbox::insert_document(db, of_call, (&new_id(), document), now_ms).await?;
        }
        if let Some(history) = &published.incomplete_history {
            let values = values![history, &call.switch, &call.call_uuid, call.created_us];
            db.run(statements::MARK_CALL_INCOMPLETE, values).await?;
        }
        Ok(true)
    }
}

/// Counts waiting calls, and returns until when the first of them waits: of all calls, or of
/// those with these Unique-IDs.
pub(crate) async fn count<C: SqlConnection>(
    db: &mut C,
    uuids: Option<&[&str]>,
) -> Result<(u64, Option<i64>), sqlx::Error> {
    let values = [Value::from(uuids.map(<[&str]>::to_vec))];
    let waiting = |row: &C::Row| Ok((row.count("calls")?, row.optional_integer("until_ms")?));
    db.row(C::DIALECT.count_unpublished, &values, waiting).await
}
