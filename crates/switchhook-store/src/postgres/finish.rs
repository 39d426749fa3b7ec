//! Calls that are over, many in one statement: for each that no other instance finished, its
//! channels are remembered, its legs removed, its summary and its documents inserted.

use std::collections::HashSet;

use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;

use super::connection::{text, texts, unnamed};
use super::elsewhere;
use super::legs::prune_channels;
use crate::model::{CallSummary, Finished, FinishedCallRecord, NewDocument};
use crate::new_id;
use crate::sql::Columns as _;
use crate::sql::calls::{FinishCalls, finish_rest};
use crate::sql::outbox::headers_json;
use crate::sql::switches::PRUNE_CHANNELS_EVERY;

/// `call_in`, `channel_in`, `leg_in` and `document_in` are what is bound; `n` is the call's
/// place. `fresh` are the calls of which no channel is remembered: the transaction has the lock
/// of their switches, so no other instance remembers one meanwhile.
///
/// A channel is looked up by itself (`LATERAL … LIMIT 1`): the table has up to 200,000, and the
/// planner must not read all of them.
const FINISH: &str = "
    WITH call_in AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bigint[],
            $12::text[], $13::boolean[], $14::text[], $15::text[]) WITH ORDINALITY
            AS t(switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms, talk_ms,
                 caller, called, legs, hangup_cause, incomplete, story, account, n)),
    channel_in AS (
        SELECT c.switch, t.* FROM unnest($16::bigint[], $17::text[], $18::bigint[])
            AS t(n, uuid, created_us) JOIN call_in AS c USING (n)),
    leg_in AS (SELECT * FROM unnest($19::bigint[], $20::text[]) AS t(n, uuid)),
    document_in AS (
        SELECT * FROM unnest($21::bigint[], $22::text[], $23::text[], $24::text[], $25::text[],
            $26::text[], $27::text[], $28::text[], $29::text[], $30::bytea[]) WITH ORDINALITY
            AS t(n, webhook_id, kind, call_uuid, flow, endpoint, method, url, headers, body, at)),
    known AS (
        SELECT t.n FROM channel_in AS t CROSS JOIN LATERAL (
            SELECT 1 FROM finished_channel AS f
            WHERE f.switch = t.switch AND f.uuid = t.uuid
              AND coalesce(f.created_us, -1) = coalesce(t.created_us, -1) LIMIT 1) AS found),
    fresh AS (SELECT * FROM call_in WHERE n NOT IN (SELECT n FROM known)),
    remembered AS (
        INSERT INTO finished_channel (switch, uuid, created_us, ended_ms)
        SELECT t.switch, t.uuid, t.created_us, $31 FROM channel_in AS t JOIN fresh USING (n)
        ORDER BY n ON CONFLICT DO NOTHING RETURNING id),
    removed AS (
        DELETE FROM leg USING leg_in AS t JOIN fresh USING (n)
        WHERE leg.switch = fresh.switch AND leg.leg_uuid = t.uuid),
    answered AS (
        UPDATE response SET call_uuid = fresh.call_uuid FROM leg_in AS t JOIN fresh USING (n)
        WHERE response.channel_uuid = t.uuid AND response.call_uuid <> fresh.call_uuid),
    summarised AS (
        INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
                          talk_ms, caller, called, legs, hangup_cause, incomplete, story, account)
        SELECT switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
               talk_ms, caller, called, legs, hangup_cause, incomplete, story, account
        FROM fresh WHERE flow IS NOT NULL ORDER BY n ON CONFLICT DO NOTHING),
    inserted AS (
        INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, method, url,
                              headers, body, state, due_ms, inserted_ms, created_us)
        SELECT t.webhook_id, t.kind, fresh.switch, t.call_uuid, t.flow, t.endpoint, t.method, t.url,
               t.headers, t.body, 'waiting', $31, $31, fresh.created_us
        FROM document_in AS t JOIN fresh USING (n)
        ORDER BY t.at ON CONFLICT DO NOTHING RETURNING webhook_id)
    SELECT ARRAY(SELECT n FROM fresh) AS stored,
           ARRAY(SELECT webhook_id FROM inserted) AS inserted,
           (SELECT max(id) FROM remembered WHERE id % $32 = 0) AS newest";

impl FinishCalls for PgConnection {
    async fn finish_calls(
        &mut self,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> Result<Vec<Finished>, sqlx::Error> {
        let documents = documents_of(calls)?;
        let query = bind_calls(unnamed(FINISH), calls);
        let query = bind_channels_and_legs(query, calls);
        let query = bind_documents(query, &documents);
        let query = query.bind(now_ms).bind(PRUNE_CHANNELS_EVERY);
        let stored = query.try_map(stored).fetch_one(&mut *self).await?;
        if let Some(newest) = stored.newest {
            prune_channels(self, newest, now_ms).await?;
        }
        let mut finished = Vec::with_capacity(calls.len());
        for (n, call) in (1..).zip(calls) {
            if stored.calls.contains(&n) {
                finish_rest(self, call, now_ms).await?;
                let of_call = documents.iter().filter(|one| one.n == n);
                let is_new = of_call.map(|one| stored.documents.contains(&one.webhook_id));
                finished.push(Finished::Stored(is_new.collect()));
            } else {
                finished.push(elsewhere::finish(self, call).await?);
            }
        }
        Ok(finished)
    }
}

/// What [`FINISH`] stored.
struct Stored {
    /// Places of calls.
    calls: HashSet<i64>,
    /// `webhook-id`s.
    documents: HashSet<String>,
    /// A row of `finished_channel` after which old ones are removed.
    newest: Option<i64>,
}

fn stored(row: PgRow) -> Result<Stored, sqlx::Error> {
    let calls: Vec<i64> = row.try_get("stored")?;
    let documents: Vec<String> = row.try_get("inserted")?;
    Ok(Stored {
        calls: calls.into_iter().collect(),
        documents: documents.into_iter().collect(),
        newest: row.optional_integer("newest")?,
    })
}

/// A document of the call at the place `n`.
struct CallDocument<'a> {
    n: i64,
    webhook_id: String,
    headers: String,
    document: &'a NewDocument,
}

fn documents_of<'a>(
    calls: &[&'a FinishedCallRecord],
) -> Result<Vec<CallDocument<'a>>, sqlx::Error> {
    let of_call = |(n, call): (i64, &&'a FinishedCallRecord)| {
        let documents = call.documents.iter();
        documents.map(move |document| (n, document))
    };
    let documents = (1..).zip(calls).flat_map(of_call);
    let with_id = documents.map(|(n, document)| {
        Ok(CallDocument {
            n,
            webhook_id: new_id(),
            headers: headers_json(&document.content)?,
            document,
        })
    });
    with_id.collect()
}

type Bound<'q> = Query<'q, Postgres, PgArguments>;

/// Binds `$1` to `$15`. A call without a summary has no flow.
fn bind_calls<'q>(query: Bound<'q>, calls: &[&FinishedCallRecord]) -> Bound<'q> {
    let column = |field: fn(&FinishedCallRecord) -> &str| texts(calls.iter().map(|one| field(one)));
    let summaries = || calls.iter().map(|call| call.summary.as_ref());
    let words = |field: fn(&CallSummary) -> &str| -> Vec<Option<String>> {
        let of_call = |one: &CallSummary| text(field(one)).into_owned();
        summaries().map(|one| one.map(of_call)).collect()
    };
    let numbers = |field: fn(&CallSummary) -> Option<i64>| -> Vec<Option<i64>> {
        summaries().map(|one| one.and_then(field)).collect()
    };
    let incomplete = summaries().map(|one| one.map(|one| one.incomplete));
    query
        .bind(column(|call| &call.switch))
        .bind(column(|call| &call.call_uuid))
        .bind(calls.iter().map(|one| one.created_us).collect::<Vec<_>>())
        .bind(words(|one| &one.flow))
        .bind(numbers(|one| Some(one.started_ms)))
        .bind(numbers(|one| one.answered_ms))
        .bind(numbers(|one| Some(one.ended_ms)))
        .bind(numbers(|one| Some(one.talk_ms)))
        .bind(words(|one| &one.caller))
        .bind(words(|one| &one.called))
        .bind(numbers(|one| Some(one.legs.into())))
        .bind(words(|one| &one.hangup_cause))
        .bind(incomplete.collect::<Vec<_>>())
        .bind(column(|call| &call.history))
        .bind(words(|one| &one.account))
}

/// Binds `$16` to `$20`.
fn bind_channels_and_legs<'q>(query: Bound<'q>, calls: &[&FinishedCallRecord]) -> Bound<'q> {
    let channels = (1_i64..).zip(calls);
    let channels = channels.flat_map(|(n, call)| call.channels.iter().map(move |one| (n, one)));
    let channels: Vec<_> = channels.collect();
    let legs = (1_i64..).zip(calls);
    let legs = legs.flat_map(|(n, call)| call.legs.iter().map(move |leg| (n, leg)));
    let legs: Vec<_> = legs.collect();
    let created_us = channels.iter().map(|(_, one)| one.created_us);
    query
        .bind(channels.iter().map(|(n, _)| *n).collect::<Vec<_>>())
        .bind(texts(channels.iter().map(|(_, one)| one.uuid.as_str())))
        .bind(created_us.collect::<Vec<_>>())
        .bind(legs.iter().map(|(n, _)| *n).collect::<Vec<_>>())
        .bind(texts(legs.iter().map(|(_, leg)| leg.as_str())))
}

/// Binds `$21` to `$30`.
fn bind_documents<'q>(query: Bound<'q>, documents: &[CallDocument<'_>]) -> Bound<'q> {
    let column = |field: fn(&NewDocument) -> &str| {
        let documents = documents.iter().map(|one| one.document);
        texts(documents.map(field))
    };
    let optional = |field: fn(&NewDocument) -> &Option<String>| -> Vec<Option<String>> {
        let values = documents.iter().map(|one| field(one.document).as_deref());
        values
            .map(|one| one.map(|one| text(one).into_owned()))
            .collect()
    };
    let bodies = documents.iter().map(|one| &one.document.content.body[..]);
    query
        .bind(documents.iter().map(|one| one.n).collect::<Vec<_>>())
        .bind(texts(documents.iter().map(|one| one.webhook_id.as_str())))
        .bind(column(|one| one.kind.as_str()))
        .bind(column(|one| &one.call_uuid))
        .bind(column(|one| &one.flow))
        .bind(column(|one| &one.webhook))
        .bind(optional(|one| &one.content.method))
        .bind(optional(|one| &one.content.url))
        .bind(texts(documents.iter().map(|one| one.headers.as_str())))
        .bind(bodies.collect::<Vec<_>>())
}
