//! What is written when a call is finished.

use super::{SqlConnection, Value, events, unpublished, values};
use crate::model::{CallSummary, Finished, FinishedCallRecord};
use crate::operation::{Operation, Write};

/// Removes a call's legs, inserts its documents and its summary.
pub(crate) struct FinishCall(pub(crate) FinishedCallRecord);

impl Operation for FinishCall {
    type Output = Finished;
    const INSERTS: bool = true;

    fn switch(&self) -> Option<&str> {
        Some(&self.0.switch)
    }

    fn finished_call(&self) -> Option<&FinishedCallRecord> {
        Some(&self.0)
    }

    fn output_of_call(finished: Finished) -> Option<Finished> {
        Some(finished)
    }
}

/// A connection that finishes calls, in its database's own way: many in few statements.
pub(crate) trait FinishCalls: SqlConnection {
    /// Finishes calls that have no Unique-ID in common. For each of which no other instance
    /// finished a leg: remembers its channels, removes its legs, gives their persisted responses
    /// to the call (the channel of a response may be another leg than the call's first), inserts
    /// its summary and its documents, and does [`finish_rest`].
    fn finish_calls(
        &mut self,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<Finished>, sqlx::Error>> + Send;
}

impl<C: FinishCalls> Write<C> for FinishCall {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Finished, sqlx::Error> {
        let finished = db.finish_calls(&[&self.0], now_ms).await?;
        finished.into_iter().next().ok_or(sqlx::Error::RowNotFound)
    }
}

/// Inserts what few calls have, in statements of its own: last events, and recordings that are
/// waited for.
pub(crate) async fn finish_rest<C: SqlConnection>(
    db: &mut C,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for event in &call.events {
        events::insert(db, event, now_ms).await?;
    }
    unpublished::insert(db, call, now_ms).await
}

/// Returns the values of [`super::statements::call_row`].
pub(crate) fn summary_values<'a>(
    call: &'a FinishedCallRecord,
    summary: &'a CallSummary,
) -> Vec<Value<'a>> {
    values![
        &call.switch,
        &call.call_uuid,
        call.created_us,
        &summary.flow,
        summary.started_ms,
        summary.answered_ms,
        summary.ended_ms,
        summary.talk_ms,
        &summary.caller,
        &summary.called,
        summary.legs,
        &summary.hangup_cause,
        summary.incomplete,
        &call.history,
        &summary.account,
        &call.asked,
    ]
    .to_vec()
}
