//! Statements that are equal in both databases, by the table that they are about.

use super::dialect::select_events;

/// Begins the insertion of rows of [`call_row`].
macro_rules! insert_call {
    () => {
        "INSERT INTO call (switch, call_uuid, created_us, flow, started_ms, answered_ms, ended_ms,
                           talk_ms, caller, called, legs, hangup_cause, incomplete, story, account, asked)
         VALUES "
    };
}

/// A finished call's row.
macro_rules! call_row {
    () => {
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
    };
}

/// A finished call's row; a call that is there already stays as it is.
pub(crate) const INSERT_CALL: &str =
    concat!(insert_call!(), call_row!(), " ON CONFLICT DO NOTHING");

/// Marks a call incomplete and replaces its history.
pub(crate) const MARK_CALL_INCOMPLETE: &str = "UPDATE call SET incomplete = true, story = $1
     WHERE switch = $2 AND call_uuid = $3 AND created_us = $4";

/// A page of the report: calls after `$4`, at most `$5`; with `$6` only those with responses.
pub(crate) const REPORTED_CALLS: &str =
    "SELECT * FROM call WHERE id > $4 AND ($1 IS NULL OR flow = $1)
        AND ($2 IS NULL OR started_ms >= $2) AND ($3 IS NULL OR started_ms < $3)
        AND (NOT $6 OR EXISTS (SELECT 1 FROM response WHERE response.call_uuid = call.call_uuid))
     ORDER BY id LIMIT $5";

/// A page of the report: Unique-IDs after `$4` with responses and without a row in `call`.
pub(crate) const CALLS_WITHOUT_SUMMARY: &str = "SELECT call_uuid, min(flow) AS flow FROM response
     WHERE call_uuid > $4 AND ($1 IS NULL OR flow = $1)
       AND ($2 IS NULL OR at_ms >= $2) AND ($3 IS NULL OR at_ms < $3)
       AND NOT EXISTS (SELECT 1 FROM call WHERE call.call_uuid = response.call_uuid)
     GROUP BY call_uuid ORDER BY call_uuid LIMIT $5";

/// The channels of a switch's finished calls, oldest first.
pub(crate) const FINISHED_CHANNELS: &str =
    "SELECT uuid, created_us FROM finished_channel WHERE switch = $1 ORDER BY id";

/// The name that the switch at an address gave itself.
pub(crate) const PUT_SWITCH_NAME: &str = "INSERT INTO switch (address, name) VALUES ($1, $2)
     ON CONFLICT (address) DO UPDATE SET name = excluded.name";

/// Reads that name.
pub(crate) const SWITCH_NAME: &str = "SELECT name FROM switch WHERE address = $1";

/// How far the CDR files of a switch are read; never less than before.
pub(crate) const PUT_CDR_PROGRESS: &str = "INSERT INTO cdr_read (switch, until_us) VALUES ($1, $2)
     ON CONFLICT (switch) DO UPDATE SET until_us = excluded.until_us
     WHERE cdr_read.until_us < excluded.until_us";

/// Reads that time.
pub(crate) const CDR_PROGRESS: &str = "SELECT until_us FROM cdr_read WHERE switch = $1";

/// Begins the insertion of rows of [`document_row`].
macro_rules! insert_document {
    () => {
        "INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, method, url,
                               headers, body, state, due_ms, inserted_ms, created_us, account)
         VALUES "
    };
}

/// A document that is due at `$11`.
macro_rules! document_row {
    () => {
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', $11, $11, $12, $13)"
    };
}

pub(crate) use {call_row, document_row, insert_call, insert_document};

/// A document that is due at `$11`; one that is there already stays as it is.
pub(crate) const INSERT_DOCUMENT: &str = concat!(
    insert_document!(),
    document_row!(),
    " ON CONFLICT DO NOTHING"
);

/// The numbers and names of a call's events.
pub(crate) const EVENTS_OF_CALL: &str = "SELECT sequence, fact FROM document
     WHERE kind = 'event' AND switch = $1 AND call_uuid = $2 AND created_us = $3";

/// An event, due at once, or `$12` ms later if one before it of the same call is not settled.
pub(crate) const INSERT_EVENT: &str =
    "INSERT INTO document (webhook_id, kind, switch, call_uuid, created_us, flow, endpoint, method,
                           url, headers, body, state, inserted_ms, due_ms, expires_ms, sequence, fact,
                           account)
     SELECT $1, 'event', $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', $11,
            CASE WHEN EXISTS (SELECT 1 FROM document AS before
                              WHERE before.kind = 'event' AND before.switch = $2
                                AND before.call_uuid = $3 AND before.created_us = $4
                                AND before.endpoint = $6 AND before.state IN ('waiting', 'leased'))
                 THEN $11 + $12 ELSE $11 END, $13, $14, $15, $16
     ON CONFLICT DO NOTHING";

/// The newest `$4` events of flow `$1` that were stored from `$2` on, before the position `$3`.
pub(crate) const NEWEST_EVENTS: &str = concat!(
    select_events!(),
    "AND ($1 IS NULL OR flow = $1) AND ($2 IS NULL OR inserted_ms >= $2)
     AND ($3 IS NULL OR id < $3) ORDER BY id DESC LIMIT $4"
);

/// A position that no stored event is behind.
pub(crate) const LAST_POSITION: &str = "SELECT coalesce(max(id), 0) AS position FROM document";

/// Makes due at `$1` the next event of the call of the event `$2`.
pub(crate) const FREE_NEXT_EVENT: &str = "UPDATE document SET due_ms = $1
     WHERE state = 'waiting' AND attempts = 0 AND due_ms > $1 AND id =
         (SELECT next.id FROM document AS next, document AS this
          WHERE this.id = $2 AND next.kind = 'event' AND next.switch = this.switch
            AND next.call_uuid = this.call_uuid AND next.created_us = this.created_us
            AND next.endpoint = this.endpoint AND next.sequence > this.sequence
            AND next.state = 'waiting'
          ORDER BY next.sequence LIMIT 1)";

/// Frees what was leased under a token; the attempts never began.
pub(crate) const FREE_CLAIM: &str =
    "UPDATE document SET state = 'waiting', lease = NULL, due_ms = $1, attempts = attempts - 1
     WHERE state IN ('waiting', 'leased') AND state = 'leased' AND lease = $2";

/// Ends a document's lease in the state `$1`; the next attempt is `$3` ms from now.
macro_rules! settle_document {
    () => {
        "UPDATE document SET state = $1, lease = NULL, due_ms = $2 + $3, not_before_ms = $2 + $4,
                             settled_ms = CASE $1 WHEN 'waiting' THEN NULL ELSE $2 END
         WHERE id = $5 AND state = 'leased' AND lease = $6"
    };
}

pub(crate) use settle_document;

/// Gives a leased document back.
pub(crate) const RELEASE: &str = "UPDATE document SET state = 'waiting', lease = NULL, due_ms = $1
     WHERE id = $2 AND state = 'leased' AND lease = $3";

/// What a document sends.
pub(crate) const DOCUMENT_CONTENT: &str =
    "SELECT method, url, headers, body FROM document WHERE id = $1";

/// The backlog of each endpoint that has something to send, or is paused. The terms about states
/// are those of the partial indexes, word by word: SQLite uses an index only then.
pub(crate) const BACKLOGS: &str =
    "SELECT endpoint, CAST(sum(waiting) AS bigint) AS waiting, CAST(sum(leased) AS bigint) AS leased,
            CAST(sum(dead) AS bigint) AS dead, min(oldest_ms) AS oldest_ms, max(paused) AS paused,
            max(paused_since_ms) AS paused_since_ms
     FROM (
         SELECT endpoint, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                count(*) FILTER (WHERE state = 'leased') AS leased,
                0 AS dead, min(inserted_ms) AS oldest_ms, NULL AS paused,
                CAST(NULL AS bigint) AS paused_since_ms
         FROM document WHERE state IN ('waiting', 'leased') GROUP BY endpoint
         UNION ALL SELECT endpoint, 0, 0, count(*), NULL, NULL, NULL
         FROM document WHERE state IN ('delivered', 'dead', 'expired') AND state = 'dead' GROUP BY endpoint
         UNION ALL SELECT endpoint, 0, 0, 0, NULL, reason, since_ms FROM pause) AS parts
     GROUP BY endpoint ORDER BY endpoint";

/// Makes due at `$1` the document of endpoint `$2` that is tried next; not an event that waits for
/// the one before it.
pub(crate) const MAKE_NEXT_DUE: &str = "UPDATE document SET due_ms = $1, not_before_ms = 0
     WHERE id IN (SELECT id FROM document
                  WHERE endpoint = $2 AND state IN ('waiting', 'leased') AND state = 'waiting'
                    AND attempts > 0 AND due_ms > $1
                  ORDER BY due_ms LIMIT 1)";

/// Gives up a document that waits; returns its row.
pub(crate) const GIVE_UP: &str =
    "UPDATE document SET state = CASE kind WHEN 'event' THEN 'expired' ELSE 'dead' END,
                         settled_ms = $1
     WHERE webhook_id = $2 AND state = 'waiting' RETURNING id";

/// Notes in a document's history that an operator gave it up.
pub(crate) const NOTE_GIVEN_UP: &str =
    "INSERT INTO attempt (document_id, started_ms, took_ms, error)
     VALUES ($1, $2, 0, 'given up by an operator')";

/// Deletes a document that is kept for a replay.
pub(crate) const DELETE_SETTLED: &str =
    "DELETE FROM document WHERE webhook_id = $1 AND state IN ('dead', 'expired')";
/// What an operator did, or who was refused.
pub(crate) const INSERT_AUDIT: &str =
    "INSERT INTO audit (at_ms, who, origin, action, target, result, refused)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Removes all but the last `$2` entries of those that were refused (`$1`), or of the others.
pub(crate) const CUT_AUDIT: &str = "DELETE FROM audit WHERE refused = $1 AND id <=
     (SELECT id FROM audit WHERE refused = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";

/// At most `$3` entries before `$1`, of the target `$2` if it is given, the latest first.
pub(crate) const AUDIT: &str =
    "SELECT id, at_ms, who, origin, action, target, result, refused FROM audit
     WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR target = $2) ORDER BY id DESC LIMIT $3";

/// Pauses an endpoint.
pub(crate) const PAUSE: &str = "INSERT INTO pause (endpoint, since_ms, reason) VALUES ($1, $2, $3)
     ON CONFLICT (endpoint)
     DO UPDATE SET since_ms = excluded.since_ms, reason = excluded.reason";

/// Ends an endpoint's pause.
pub(crate) const END_PAUSE: &str = "DELETE FROM pause WHERE endpoint = $1";

/// Begins a fresh schedule for an endpoint's backlog.
pub(crate) const RESTART_SCHEDULES: &str = "UPDATE document SET attempts = 0, first_ms = NULL
     WHERE endpoint = $1 AND state IN ('waiting', 'leased') AND state = 'waiting'";

/// Paused endpoints, each with the reason.
pub(crate) const PAUSES: &str = "SELECT endpoint, reason FROM pause ORDER BY endpoint";

/// Notes that an operator wants an endpoint's documents sent again; each time is later than the
/// one before.
pub(crate) const PUT_RETRY_REQUEST: &str =
    "INSERT INTO retry_request (endpoint, at_ms) VALUES ($1, $2)
     ON CONFLICT (endpoint) DO UPDATE SET at_ms =
         CASE WHEN excluded.at_ms > retry_request.at_ms THEN excluded.at_ms
              ELSE retry_request.at_ms + 1 END";

/// When operators wanted documents sent again, by endpoint.
pub(crate) const RETRY_REQUESTS: &str = "SELECT endpoint, at_ms FROM retry_request";

/// A call that waits for its recordings; not one whose documents are built already.
pub(crate) const INSERT_UNPUBLISHED: &str =
    "INSERT INTO unpublished (switch, call_uuid, created_us, inserted_ms, until_ms, due_ms, json)
     SELECT $1, $2, $3, $4, $4 + $5, $4, $6
     WHERE NOT EXISTS (SELECT 1 FROM document WHERE kind = 'document' AND switch = $1
                       AND call_uuid = $2 AND created_us = $3)
     ON CONFLICT DO NOTHING";

/// Moves the end of a waiting call's lease.
pub(crate) const POSTPONE: &str =
    "UPDATE unpublished SET due_ms = $1 + $2 WHERE id = $3 AND lease = $4";

/// Removes a leased call that no longer waits.
pub(crate) const DELETE_UNPUBLISHED: &str = "DELETE FROM unpublished WHERE id = $1 AND lease = $2";

/// The values that are counted, each with its number.
pub(crate) const STAT_VALUES: &str = "SELECT id, dimension, value FROM stat_value";

/// A value to count.
pub(crate) const PUT_STAT_VALUE: &str =
    "INSERT INTO stat_value (dimension, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Reads a value's number.
pub(crate) const STAT_VALUE: &str = "SELECT id FROM stat_value WHERE dimension = $1 AND value = $2";

/// Removes at most `$3` counts of spans of `$1` seconds that began before `$2`.
pub(crate) const PRUNE_STATS: &str =
    "DELETE FROM stat WHERE (value_id, span_s, start_ms, series, step) IN
        (SELECT old.value_id, old.span_s, old.start_ms, old.series, old.step
         FROM stat_value AS v JOIN stat AS old ON old.value_id = v.id
         WHERE old.span_s = $1 AND old.start_ms < $2 LIMIT $3)";

/// Frees the space that a probe took.
pub(crate) const CLEAR_PROBE: &str = "DELETE FROM probe";

/// Whether the store holds rows that a restored backup would be mixed with.
pub(crate) const HOLDS_ROWS: &str =
    "SELECT EXISTS (SELECT 1 FROM document) OR EXISTS (SELECT 1 FROM call)
         OR EXISTS (SELECT 1 FROM leg) OR EXISTS (SELECT 1 FROM response)
         OR EXISTS (SELECT 1 FROM unpublished) AS holds_rows";

/// Frees every lease: no process holds one on the restored store. The attempts stay counted,
/// since they may have reached the receiver.
pub(crate) const FREE_ALL_LEASES: [&str; 2] = [
    "UPDATE document SET state = 'waiting', lease = NULL, due_ms = 0 WHERE state = 'leased'",
    "UPDATE unpublished SET lease = NULL, due_ms = 0 WHERE lease IS NOT NULL",
];
