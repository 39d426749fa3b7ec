//! Maps rows of either database to the model.

use bytes::Bytes;
use sqlx::Error;

use super::Columns;
use crate::caller::{CallerCall, CandidateCall, CandidateRow};
use crate::clock::between;
use crate::model::{
    Attempt, CallParties, CallSummary, ClaimedDocument, DeliveryKind, DocumentRow, DocumentState,
    EndpointBacklog, FinishedChannel, Lease, PersistedResponse, RecentCall, ReportedCall,
    RequestContent, StoredEvent, StoredLeg, UnpublishedCall,
};

pub(crate) fn stored_leg(row: &impl Columns) -> Result<StoredLeg, Error> {
    Ok(StoredLeg {
        switch: row.text("switch")?,
        call_id: row.text("call_id")?,
        leg_uuid: row.text("leg_uuid")?,
        created_us: row.optional_integer("created_us")?,
        known: row.integer("known")?,
        json: row.text("json")?,
    })
}

pub(crate) fn finished_channel(row: &impl Columns) -> Result<FinishedChannel, Error> {
    Ok(FinishedChannel {
        uuid: row.text("uuid")?,
        created_us: row.optional_integer("created_us")?,
    })
}

fn call_summary(row: &impl Columns) -> Result<CallSummary, Error> {
    Ok(CallSummary {
        account: row.text("account")?,
        flow: row.text("flow")?,
        started_ms: row.integer("started_ms")?,
        answered_ms: row.optional_integer("answered_ms")?,
        ended_ms: row.integer("ended_ms")?,
        talk_ms: row.integer("talk_ms")?,
        caller: row.text("caller")?,
        called: row.text("called")?,
        legs: row.count("legs")?,
        hangup_cause: row.text("hangup_cause")?,
        incomplete: row.boolean("incomplete")?,
    })
}

/// Returns a call of the report, without its responses, and its row's number.
pub(crate) fn reported_call(row: &impl Columns) -> Result<(i64, ReportedCall), Error> {
    let call = ReportedCall {
        call_uuid: row.text("call_uuid")?,
        flow: row.text("flow")?,
        finished: Some((row.text("switch")?, call_summary(row)?)),
        responses: Vec::new(),
    };
    Ok((row.integer("id")?, call))
}

/// Returns a call of the report that has responses and no summary.
pub(crate) fn call_without_summary(row: &impl Columns) -> Result<ReportedCall, Error> {
    Ok(ReportedCall {
        call_uuid: row.text("call_uuid")?,
        flow: row.text("flow")?,
        finished: None,
        responses: Vec::new(),
    })
}

pub(crate) fn recent_call(row: &impl Columns) -> Result<RecentCall, Error> {
    Ok(RecentCall {
        id: row.integer("id")?,
        switch: row.text("switch")?,
        call_uuid: row.text("call_uuid")?,
        summary: call_summary(row)?,
        history: row.text("story")?,
    })
}

pub(crate) fn call_parties(row: &impl Columns) -> Result<CallParties, Error> {
    Ok(CallParties {
        call_uuid: row.text("call_uuid")?,
        caller: row.text("caller")?,
        called: row.text("called")?,
    })
}

pub(crate) fn persisted_response(row: &impl Columns) -> Result<PersistedResponse, Error> {
    Ok(PersistedResponse {
        call_uuid: row.text("call_uuid")?,
        flow: row.text("flow")?,
        webhook: row.text("webhook")?,
        at_ms: row.integer("at_ms")?,
        variables: row.json("variables")?,
    })
}

fn delivery_kind(row: &impl Columns) -> Result<DeliveryKind, Error> {
    Ok(DeliveryKind::from_word(&row.text("kind")?))
}

pub(crate) fn request_content(row: &impl Columns) -> Result<RequestContent, Error> {
    Ok(RequestContent {
        method: row.optional_text("method")?,
        url: row.optional_text("url")?,
        headers: row.json("headers")?,
        body: Bytes::from(row.bytes("body")?),
    })
}

/// Returns a document that was leased under `token` at `now_ms`.
pub(crate) fn claimed_document(
    row: &impl Columns,
    token: &[u8],
    now_ms: i64,
) -> Result<ClaimedDocument, Error> {
    let webhook_id = row.text("webhook_id")?;
    let kind = delivery_kind(row)?;
    let expires_ms = row.optional_integer("expires_ms")?;
    Ok(ClaimedDocument {
        lease: Lease {
            id: row.integer("id")?,
            token: token.to_vec(),
            webhook_id: webhook_id.clone(),
            is_event: kind == DeliveryKind::Event,
        },
        webhook_id,
        kind,
        endpoint: row.text("endpoint")?,
        call_uuid: row.text("call_uuid")?,
        flow: row.text("flow")?,
        account: row.optional_text("account")?,
        switch: row.text("switch")?,
        content: request_content(row)?,
        attempt: row.count("attempts")?,
        since_first: between(row.integer("first_ms")?, now_ms),
        expires_in: expires_ms.map(|expires_ms| between(now_ms, expires_ms)),
    })
}

fn document_state(row: &impl Columns) -> Result<DocumentState, Error> {
    let state = row.text("state")?.parse();
    state.map_err(|error: String| Error::Decode(error.into()))
}

pub(crate) fn document_row(row: &impl Columns) -> Result<DocumentRow, Error> {
    let state = document_state(row)?;
    Ok(DocumentRow {
        webhook_id: row.text("webhook_id")?,
        kind: delivery_kind(row)?,
        endpoint: row.text("endpoint")?,
        switch: row.text("switch")?,
        call_uuid: row.text("call_uuid")?,
        flow: row.text("flow")?,
        sequence: row.optional_integer("sequence")?,
        event: row.optional_text("fact")?.map(|fact| first_word(&fact)),
        state,
        attempts: row.count("attempts")?,
        inserted_ms: row.integer("inserted_ms")?,
        due_ms: state.due(row.integer("due_ms")?),
        last_ms: row.optional_integer("last_ms")?,
        body_bytes: row.count("body_bytes")?,
        last_result: row.optional_text("last_result")?.unwrap_or_default(),
    })
}

pub(crate) fn stored_event(row: &impl Columns) -> Result<StoredEvent, Error> {
    Ok(StoredEvent {
        position: row.integer("id")?,
        webhook_id: row.text("webhook_id")?,
        endpoint: row.text("endpoint")?,
        switch: row.text("switch")?,
        call_uuid: row.text("call_uuid")?,
        flow: row.text("flow")?,
        sequence: row.count("sequence")?,
        event: first_word(&row.text("fact")?),
        state: document_state(row)?,
        inserted_ms: row.integer("inserted_ms")?,
        url: row.optional_text("url")?,
        body: Bytes::from(row.bytes("body")?),
    })
}

/// Returns the kind of an event, with which its name in the call begins.
fn first_word(fact: &str) -> String {
    fact.split(' ').next().unwrap_or(fact).to_owned()
}

pub(crate) fn attempt(row: &impl Columns) -> Result<Attempt, Error> {
    let status = row.optional_integer("status")?;
    Ok(Attempt {
        started_ms: row.integer("started_ms")?,
        took_ms: row.integer("took_ms")?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        error: row.optional_text("error")?,
    })
}

pub(crate) fn endpoint_backlog(row: &impl Columns) -> Result<EndpointBacklog, Error> {
    Ok(EndpointBacklog {
        endpoint: row.text("endpoint")?,
        waiting: row.count("waiting")?,
        leased: row.count("leased")?,
        dead: row.count("dead")?,
        oldest_ms: row.optional_integer("oldest_ms")?,
        paused: row.optional_text("paused")?,
        paused_since_ms: row.optional_integer("paused_since_ms")?,
    })
}

/// Returns a waiting call that was leased under `token` at `now_ms`.
pub(crate) fn unpublished_call(
    row: &impl Columns,
    token: &[u8],
    now_ms: i64,
) -> Result<UnpublishedCall, Error> {
    Ok(UnpublishedCall {
        id: row.integer("id")?,
        token: token.to_vec(),
        switch: row.text("switch")?,
        call_uuid: row.text("call_uuid")?,
        created_us: row.integer("created_us")?,
        json: row.text("json")?,
        waited: between(row.integer("inserted_ms")?, now_ms),
        remaining: between(now_ms, row.integer("until_ms")?),
    })
}

pub(crate) fn candidate_call(row: &impl Columns) -> Result<CandidateCall, Error> {
    Ok(CandidateCall {
        call: CallerCall {
            id: row.integer("id")?,
            call_uuid: row.text("call_uuid")?,
            started_ms: row.integer("started_ms")?,
            caller: row.text("caller")?,
            called: row.text("called")?,
        },
        history: row.text("story")?,
    })
}

pub(crate) fn candidate_row(row: &impl Columns) -> Result<CandidateRow, Error> {
    Ok(CandidateRow {
        id: row.integer("id")?,
        state: row.optional_text("state")?,
        channel: row.text("channel")?,
        text: row.bytes("text")?,
    })
}
