//! Calls that are over, many in a few statements: a statement costs two round trips to the
//! server, and those of all waiting calls cost as many as those of one. A single row goes by
//! itself: each array that is unnested costs the server more than the row.

use std::collections::HashSet;

use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;

use super::connection::{text, texts, unnamed};
use super::elsewhere;
use super::legs::{prune_channels, remove_legs_of_one};
use crate::model::{CallSummary, Finished, FinishedCallRecord, NewDocument};
use crate::new_id;
use crate::sql::calls::{FinishCalls, finish_rest, summary_values};
use crate::sql::outbox::{self, headers_json};
use crate::sql::switches::PRUNE_CHANNELS_EVERY;
use crate::sql::{Columns as _, SqlConnection as _, statements};

/// Remembers the channels of each call of which none is remembered; returns the places of the
/// others. The transaction has the lock of their switches, so no other instance remembers one
/// meanwhile.
///
/// A channel is looked up by itself (`LATERAL … LIMIT 1`): the table has up to 200,000, and the
/// planner must not read all of them.
const REMEMBER_CHANNELS: &str = "
    WITH channel_in AS (
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
            AS t(n, switch, uuid, created_us)),
    known AS (
        SELECT DISTINCT t.n FROM channel_in AS t CROSS JOIN LATERAL (
            SELECT 1 FROM finished_channel AS f
            WHERE f.switch = t.switch AND f.uuid = t.uuid
              AND coalesce(f.created_us, -1) = coalesce(t.created_us, -1) LIMIT 1) AS found),
    added AS (
        INSERT INTO finished_channel (switch, uuid, created_us, ended_ms)
        SELECT switch, uuid, created_us, $5 FROM channel_in
        WHERE n NOT IN (SELECT n FROM known) ON CONFLICT DO NOTHING RETURNING id)
    SELECT ARRAY(SELECT n FROM known) AS known,
           (SELECT max(id) FROM added WHERE id % $6 = 0) AS newest";

/// Removes legs, and gives their persisted responses to their calls.
const REMOVE_LEGS: &str = "
    WITH leg_in AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS t(switch, uuid, call_uuid)),
    gone AS (
        DELETE FROM leg USING leg_in AS t WHERE leg.switch = t.switch AND leg.leg_uuid = t.uuid)
    UPDATE response SET call_uuid = t.call_uuid FROM leg_in AS t
    WHERE response.channel_uuid = t.uuid AND response.call_uuid <> t.call_uuid";

/// Inserts summaries; a call that is there already stays as it is.
const INSERT_CALLS: &str = "
    INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
                      talk_ms, caller, called, legs, hangup_cause, incomplete, story, account, asked)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],
        $12::text[], $13::boolean[], $14::text[], $15::text[], $16::text[])
    ON CONFLICT DO NOTHING";

/// Inserts documents that are due at `$13`; one that is there already stays as it is.
const INSERT_DOCUMENTS: &str = "
    INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, method, url,
                          headers, body, created_us, account, state, due_ms, inserted_ms)
    SELECT t.*, 'waiting', $13, $13
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::text[], $9::text[], $10::bytea[], $11::bigint[], $12::text[]) AS t
    ON CONFLICT DO NOTHING RETURNING webhook_id";

impl FinishCalls for PgConnection {
    async fn finish_calls(
        &mut self,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> Result<Vec<Finished>, sqlx::Error> {
        let known = remember_channels(self, calls, now_ms).await?;
        let is_fresh = |n: &i64| !known.contains(n);
        let fresh = (1..).zip(calls).filter(|(n, _)| is_fresh(n));
        let fresh: Vec<_> = fresh.map(|(_, call)| *call).collect();
        remove_legs_of(self, &fresh).await?;
        insert_summaries(self, &fresh).await?;
        let documents = documents_of(&fresh)?;
        let inserted = insert_documents(self, &documents, now_ms).await?;
        let mut is_new = documents
            .iter()
            .map(|one| inserted.contains(&one.webhook_id));
        let mut finished = Vec::with_capacity(calls.len());
        for (n, call) in (1..).zip(calls) {
            if is_fresh(&n) {
                finish_rest(self, call, now_ms).await?;
                let of_call = is_new.by_ref().take(call.documents.len());
                finished.push(Finished::Stored(of_call.collect()));
            } else {
                finished.push(elsewhere::finish(self, call).await?);
            }
        }
        Ok(finished)
    }
}

/// Remembers the channels of calls; returns the places of those that were not changed.
async fn remember_channels(
    db: &mut PgConnection,
    calls: &[&FinishedCallRecord],
    now_ms: i64,
) -> Result<HashSet<i64>, sqlx::Error> {
    let channels = (1_i64..).zip(calls);
    let channels = channels.flat_map(|(n, call)| {
        let channels = call.channels.iter();
        channels.map(move |channel| (n, &call.switch, channel))
    });
    let channels: Vec<_> = channels.collect();
    if channels.is_empty() {
        return Ok(HashSet::new());
    }
    let created_us = channels.iter().map(|(.., one)| one.created_us);
    let row = unnamed(REMEMBER_CHANNELS)
        .bind(channels.iter().map(|(n, ..)| *n).collect::<Vec<_>>())
        .bind(texts(channels.iter().map(|(_, switch, _)| switch.as_str())))
        .bind(texts(channels.iter().map(|(.., one)| one.uuid.as_str())))
        .bind(created_us.collect::<Vec<_>>())
        .bind(now_ms)
        .bind(PRUNE_CHANNELS_EVERY)
        .fetch_one(&mut *db)
        .await?;
    if let Some(newest) = row.optional_integer("newest")? {
        prune_channels(db, newest, now_ms).await?;
    }
    let known: Vec<i64> = row.try_get("known")?;
    Ok(known.into_iter().collect())
}

/// Removes the calls' legs.
async fn remove_legs_of(
    db: &mut PgConnection,
    calls: &[&FinishedCallRecord],
) -> Result<(), sqlx::Error> {
    if let [call] = calls {
        return remove_legs_of_one(db, call).await;
    }
    let legs = calls.iter();
    let legs: Vec<_> = legs
        .flat_map(|call| call.legs.iter().map(move |leg| (call, leg)))
        .collect();
    if legs.is_empty() {
        return Ok(());
    }
    let removed = unnamed(REMOVE_LEGS)
        .bind(texts(legs.iter().map(|(call, _)| call.switch.as_str())))
        .bind(texts(legs.iter().map(|(_, leg)| leg.as_str())))
        .bind(texts(legs.iter().map(|(call, _)| call.call_uuid.as_str())))
        .execute(db)
        .await;
    removed.map(drop)
}

async fn insert_summaries(
    db: &mut PgConnection,
    calls: &[&FinishedCallRecord],
) -> Result<(), sqlx::Error> {
    let summaries = calls.iter();
    let summaries = summaries.filter_map(|call| Some((*call, call.summary.as_ref()?)));
    let summaries: Vec<_> = summaries.collect();
    match summaries[..] {
        [] => Ok(()),
        [(call, summary)] => {
            let values = summary_values(call, summary);
            let inserted = db.run(statements::INSERT_CALL, &values).await;
            inserted.map(drop)
        }
        [..] => {
            let query = bind_summaries(unnamed(INSERT_CALLS), &summaries);
            query.execute(db).await.map(drop)
        }
    }
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

fn bind_summaries<'q>(
    query: Bound<'q>,
    summaries: &[(&FinishedCallRecord, &CallSummary)],
) -> Bound<'q> {
    let of_call = |field: fn(&FinishedCallRecord) -> &str| {
        texts(summaries.iter().map(|(call, _)| field(call)))
    };
    let words =
        |field: fn(&CallSummary) -> &str| texts(summaries.iter().map(|(_, one)| field(one)));
    let numbers = |field: fn(&CallSummary) -> i64| -> Vec<i64> {
        summaries.iter().map(|(_, one)| field(one)).collect()
    };
    let created_us = summaries.iter().map(|(call, _)| call.created_us);
    let answered_ms = summaries.iter().map(|(_, one)| one.answered_ms);
    let incomplete = summaries.iter().map(|(_, one)| one.incomplete);
    query
        .bind(of_call(|call| &call.switch))
        .bind(of_call(|call| &call.call_uuid))
        .bind(created_us.collect::<Vec<_>>())
        .bind(words(|one| &one.flow))
        .bind(numbers(|one| one.started_ms))
        .bind(answered_ms.collect::<Vec<_>>())
        .bind(numbers(|one| one.ended_ms))
        .bind(numbers(|one| one.talk_ms))
        .bind(words(|one| &one.caller))
        .bind(words(|one| &one.called))
        .bind(numbers(|one| one.legs.into()))
        .bind(words(|one| &one.hangup_cause))
        .bind(incomplete.collect::<Vec<_>>())
        .bind(of_call(|call| &call.history))
        .bind(words(|one| &one.account))
        .bind(of_call(|call| &call.asked))
}

/// A document with its call.
struct CallDocument<'a> {
    webhook_id: String,
    headers: String,
    call: &'a FinishedCallRecord,
    document: &'a NewDocument,
}

fn documents_of<'a>(
    calls: &[&'a FinishedCallRecord],
) -> Result<Vec<CallDocument<'a>>, sqlx::Error> {
    let documents = calls.iter();
    let documents = documents.flat_map(|call| call.documents.iter().map(move |one| (*call, one)));
    let with_id = documents.map(|(call, document)| {
        Ok(CallDocument {
            webhook_id: new_id(),
            headers: headers_json(&document.content)?,
            call,
            document,
        })
    });
    with_id.collect()
}

/// Inserts documents; returns the `webhook-id`s of the new ones.
async fn insert_documents(
    db: &mut PgConnection,
    documents: &[CallDocument<'_>],
    now_ms: i64,
) -> Result<HashSet<String>, sqlx::Error> {
    if let [one] = documents {
        let of_call = (one.call.switch.as_str(), one.call.created_us);
        let document = (one.webhook_id.as_str(), one.document);
        let is_new = outbox::insert_document(db, of_call, document, now_ms).await?;
        let inserted = is_new.then(|| one.webhook_id.clone());
        return Ok(inserted.into_iter().collect());
    }
    if documents.is_empty() {
        return Ok(HashSet::new());
    }
    let query = bind_documents(unnamed(INSERT_DOCUMENTS), documents).bind(now_ms);
    let inserted = query.try_map(|row: PgRow| row.text("webhook_id"));
    Ok(inserted.fetch_all(db).await?.into_iter().collect())
}

fn bind_documents<'q>(query: Bound<'q>, documents: &[CallDocument<'_>]) -> Bound<'q> {
    let column = |field: fn(&NewDocument) -> &str| {
        let documents = documents.iter().map(|one| one.document);
        texts(documents.map(field))
    };
    let optional = |field: fn(&NewDocument) -> &Option<String>| -> Vec<Option<String>> {
        let values = documents.iter().map(|one| field(one.document).as_deref());
        let values = values.map(|one| one.map(|one| text(one).into_owned()));
        values.collect()
    };
    let bodies = documents.iter().map(|one| &one.document.content.body[..]);
    let created_us = documents.iter().map(|one| one.call.created_us);
    query
        .bind(texts(documents.iter().map(|one| one.webhook_id.as_str())))
        .bind(column(|one| one.kind.as_str()))
        .bind(texts(documents.iter().map(|one| one.call.switch.as_str())))
        .bind(column(|one| &one.call_uuid))
        .bind(column(|one| &one.flow))
        .bind(column(|one| &one.webhook))
        .bind(optional(|one| &one.content.method))
        .bind(optional(|one| &one.content.url))
        .bind(texts(documents.iter().map(|one| one.headers.as_str())))
        .bind(bodies.collect::<Vec<_>>())
        .bind(created_us.collect::<Vec<_>>())
        .bind(column(|one| &one.account))
}
