//! Events of living calls: each once, numbered in its call, sent one after the other.

use super::{Columns as _, SqlConnection, Value, outbox, rows, statements, values};
use crate::clock::millis;
use crate::model::{EventFilter, NewEvent, StoredEvent};
use crate::new_id;
use crate::operation::{CHUNK, Operation, Write};

/// Stores an event; the output is its number, or `None` when it is stored already.
pub(crate) struct PutEvent(pub(crate) NewEvent);

impl Operation for PutEvent {
    type Output = Option<u64>;
    const INSERTS: bool = true;

    fn switch(&self) -> Option<&str> {
        Some(&self.0.switch)
    }
}

impl<C: SqlConnection> Write<C> for PutEvent {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Option<u64>, sqlx::Error> {
        insert(db, &self.0, now_ms).await
    }
}

/// Stores an event in a transaction that holds its switch's lock; returns its number.
pub(crate) async fn insert<C: SqlConnection>(
    db: &mut C,
    event: &NewEvent,
    now_ms: i64,
) -> Result<Option<u64>, sqlx::Error> {
    let call = values![&event.switch, &event.call_uuid, event.created_us];
    let row = |row: &C::Row| Ok((row.count::<u64>("sequence")?, row.text("fact")?));
    let stored = db.rows(statements::EVENTS_OF_CALL, call, row).await?;
    let has = |fact: &String| stored.iter().any(|(_, known)| known == fact);
    let missed = event.instead_of.as_ref().filter(|_| C::DIALECT.is_shared);
    let seen_elsewhere = missed.is_some_and(|facts| facts.iter().all(has));
    if has(&event.fact) || seen_elsewhere {
        return Ok(None);
    }
    let last = stored.iter().map(|(sequence, _)| *sequence).max();
    let sequence = last.unwrap_or(0) + 1;
    let content = (event.render)(sequence);
    let headers = outbox::headers_json(&content)?;
    let id = new_id();
    let values = values![
        &id,
        &event.switch,
        &event.call_uuid,
        event.created_us,
        &event.flow,
        &event.endpoint,
        &content.method,
        &content.url,
        &headers,
        &content.body[..],
        now_ms,
        millis(event.wait),
        now_ms.saturating_add(millis(event.expire)),
        i64::try_from(sequence).unwrap_or(i64::MAX),
        &event.fact,
        &event.account,
    ];
    let inserted = db.run(statements::INSERT_EVENT, values).await?;
    Ok((inserted == 1).then_some(sequence))
}

/// Marks events that are too old to be sent, up to [`CHUNK`]; the output has their endpoints.
pub(crate) struct ExpireEvents;

impl Operation for ExpireEvents {
    type Output = Vec<String>;
}

impl<C: SqlConnection> Write<C> for ExpireEvents {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<Vec<String>, sqlx::Error> {
        let values = values![now_ms, CHUNK];
        let endpoint = |row: &C::Row| row.text("endpoint");
        db.rows(C::DIALECT.expire_events, values, endpoint).await
    }
}

/// Returns at most `limit` events after a position, without those that are `known`, in the order of
/// their positions.
pub(crate) async fn events_after<C: SqlConnection>(
    db: &mut C,
    after: i64,
    known: &[i64],
    limit: u32,
) -> Result<Vec<StoredEvent>, sqlx::Error> {
    let values = [after.into(), Value::Integers(known), limit.into()];
    db.rows(C::DIALECT.events_after, &values, rows::stored_event)
        .await
}

/// Returns the newest `limit` events of a filter, the newest first.
pub(crate) async fn newest_events<C: SqlConnection>(
    db: &mut C,
    filter: &EventFilter,
    limit: u32,
) -> Result<Vec<StoredEvent>, sqlx::Error> {
    let values = values![&filter.flow, filter.from_ms, filter.before, limit];
    db.rows(statements::NEWEST_EVENTS, values, rows::stored_event)
        .await
}

/// Returns a position that no stored event is behind.
pub(crate) async fn last_position<C: SqlConnection>(db: &mut C) -> Result<i64, sqlx::Error> {
    db.row(statements::LAST_POSITION, &[], |row| {
        row.integer("position")
    })
    .await
}
