//! What is written when a call is finished.

use super::{SqlConnection, events, outbox, statements, unpublished, values};
use crate::model::{CallSummary, Finished, FinishedCallRecord};
use crate::new_id;
use crate::operation::{Operation, Write};

/// Removes a call's legs, inserts its documents and its summary.
pub(crate) struct FinishCall(pub(crate) FinishedCallRecord);

/// Which of a call's channels belong to calls that another instance finished.
pub(crate) enum Elsewhere {
    /// None.
    Nothing,
    /// Each.
    All,
    /// These, by Unique-ID. The others are not remembered.
    Some(Vec<String>),
}

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

/// The steps of [`FinishCall`] that each database does in its own way.
pub(crate) trait FinishSteps: SqlConnection {
    /// Removes the call's legs and gives their persisted responses to the call: the channel of a
    /// response may be another leg than the call's first.
    fn remove_legs_of(
        &mut self,
        call: &FinishedCallRecord,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Remembers the call's channels, unless another instance finished some of them.
    fn remember_channels(
        &mut self,
        call: &FinishedCallRecord,
        now_ms: i64,
    ) -> impl Future<Output = Result<Elsewhere, sqlx::Error>> + Send;
}

impl<C: FinishSteps> Write<C> for FinishCall {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Finished, sqlx::Error> {
        finish(db, &self.0, now_ms).await
    }
}

/// Finishes a call, step by step.
pub(crate) async fn finish<C: FinishSteps>(
    db: &mut C,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<Finished, sqlx::Error> {
    let elsewhere = db.remember_channels(call, now_ms).await?;
    if let Elsewhere::Some(legs) = elsewhere {
        return Ok(Finished::Refused(legs));
    }
    db.remove_legs_of(call).await?;
    if let Elsewhere::All = elsewhere {
        // The other instance may have seen more legs, and so have used another call UUID.
        return Ok(Finished::Stored(vec![false; call.documents.len()]));
    }
    if let Some(summary) = &call.summary {
        insert_summary(db, call, summary).await?;
    }
    let mut is_new = Vec::with_capacity(call.documents.len());
    for document in &call.documents {
        let of_call = (call.switch.as_str(), call.created_us);
        let inserted = outbox::insert_document(db, of_call, (&new_id(), document), now_ms).await?;
        is_new.push(inserted);
    }
    insert_what_few_have(db, call, now_ms).await?;
    Ok(Finished::Stored(is_new))
}

/// Inserts what most calls do not have: last events, and recordings that are waited for.
pub(crate) async fn insert_what_few_have<C: SqlConnection>(
    db: &mut C,
    call: &FinishedCallRecord,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for event in &call.events {
        events::insert(db, event, now_ms).await?;
    }
    unpublished::insert(db, call, now_ms).await
}

async fn insert_summary<C: SqlConnection>(
    db: &mut C,
    call: &FinishedCallRecord,
    summary: &CallSummary,
) -> Result<(), sqlx::Error> {
    let values = values![
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
    ];
    db.run(statements::INSERT_CALL, values).await.map(drop)
}
