//! Statements that differ between the databases.
//!
//! [`dialect!`] writes those that differ in a fragment only: how a list is searched, how rows
//! that another instance has locked are skipped, and what orders attempts.

/// A statement about the documents of a filter, one text for each [`FilterScope`](super::documents::FilterScope).
pub(crate) type ByScope = [&'static str; 3];

/// The texts of one database. Parameters are numbered alike in both.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Other instances may write to the database.
    pub(crate) is_shared: bool,
    /// The column that orders attempts.
    pub(crate) attempt_id: &'static str,
    /// Every leg of every call in progress.
    pub(crate) legs: &'static str,
    /// A persisted response; SQLite ignores the names (`$6`).
    pub(crate) insert_response: &'static str,
    /// Leases at most `$5` due documents of endpoint `$4`.
    pub(crate) claim: &'static str,
    /// Marks at most `$2` events that expired before `$1`; returns their endpoints.
    pub(crate) expire_events: &'static str,
    /// Makes at most `$3` waiting documents of endpoint `$2` due.
    pub(crate) make_backlog_due: &'static str,
    /// Leases at most `$4` due calls that wait for recordings.
    pub(crate) claim_unpublished: &'static str,
    /// Searches the newest calls.
    pub(crate) search_calls: &'static str,
    /// Searches the calls that began in a time and whose rows match.
    pub(crate) find_calls: &'static str,
    /// Webhooks and variable names of persisted responses.
    pub(crate) persisted_names: &'static str,
    /// Calls with the text `$1` in a number or the history.
    pub(crate) calls_with_text: &'static str,
    /// Persisted responses with the text `$1`, or of the channels `$2`.
    pub(crate) responses_with_text: &'static str,
    /// Documents with the text `$1`, or of the channels `$2`.
    pub(crate) documents_with_text: &'static str,
    /// Waiting calls with the text `$1`, or of the channels `$2`.
    pub(crate) unpublished_with_text: &'static str,
    /// Adds the rows `$1` (JSON) to the counts.
    pub(crate) add_stats: &'static str,
    /// The counts of the value `$2` of the dimension `$1`, in spans of `$3` seconds.
    pub(crate) stats: &'static str,
    /// Takes `$1` bytes of space.
    pub(crate) fill_probe: &'static str,
    /// The oldest `$7` documents of a filter.
    pub(crate) documents: ByScope,
    /// The document with a `webhook-id`.
    pub(crate) document: &'static str,
    /// The first `$2` documents of the channels `$1`, of the accounts `$3` if they are given.
    pub(crate) documents_of_channels: &'static str,
    /// At most `$3` events after the position `$1` that are not at one of the positions `$2`.
    pub(crate) events_after: &'static str,
    /// The attempts of a document, oldest first.
    pub(crate) attempts: &'static str,
    /// How many documents of a filter can be replayed.
    pub(crate) count_replayable: ByScope,
    /// Paused endpoints of a filter's documents.
    pub(crate) paused_endpoints: ByScope,
    /// Endpoints of a filter's documents that can be replayed.
    pub(crate) replayed_endpoints: ByScope,
    /// Replays a filter's documents from `$7`, `$8` ms apart.
    pub(crate) replay: ByScope,
    /// The numbers of calls.
    pub(crate) call_parties: &'static str,
    /// The first `$2` responses to the channels `$1`.
    pub(crate) responses_of_channels: &'static str,
    /// The responses of calls.
    pub(crate) responses_of_calls: &'static str,
    /// How many calls wait for recordings, and until when.
    pub(crate) count_unpublished: &'static str,
    /// Removes at most `$2` calls, responses, delivered, dead and expired documents, and audit
    /// entries, older than `$1`.
    pub(crate) prune: [&'static str; 6],
    /// How many documents the accounts `$1` have of each endpoint and state.
    pub(crate) backlogs_of_accounts: &'static str,
    /// Removes calls, responses, documents and waiting calls by their ids.
    pub(crate) delete: [&'static str; 4],
}

/// Selects the columns of [`crate::DocumentRow`].
macro_rules! select_documents {
    ($attempt_id:literal) => {
        concat!(
            "SELECT id, webhook_id, kind, endpoint, switch, call_uuid, flow, sequence, fact, state, attempts,
                    inserted_ms, due_ms, last_ms, CAST(length(body) AS bigint) AS body_bytes,
                    (SELECT coalesce(error, 'HTTP ' || status) FROM attempt
                     WHERE document_id = document.id
                     ORDER BY attempt.",
            $attempt_id,
            " DESC LIMIT 1) AS last_result
             FROM document "
        )
    };
}

/// Selects the columns of [`crate::StoredEvent`].
macro_rules! select_events {
    () => {
        "SELECT id, webhook_id, endpoint, switch, call_uuid, flow, sequence, fact, state,
                inserted_ms, url, body
         FROM document WHERE kind = 'event' "
    };
}

/// The condition of a [`crate::DocumentFilter`], which binds the first six values. The account is
/// the last one: SQLite finds it behind the body.
macro_rules! document_filter {
    ($in_list:ident) => {
        concat!(
            "($1 IS NULL OR webhook_id ",
            $in_list!("$1"),
            ") AND ($2 IS NULL OR state ",
            $in_list!("$2"),
            ") AND ($3 IS NULL OR endpoint = $3)
               AND ($4 IS NULL OR inserted_ms >= $4) AND ($5 IS NULL OR inserted_ms < $5)
               AND ($6 IS NULL OR account ",
            $in_list!("$6"),
            ") "
        )
    };
}

/// Writes a statement about a filter's documents once for each scope: all documents, those that are
/// not delivered (few among many), and those with the ids `$1`.
macro_rules! by_scope {
    ($in_list:ident, $before:expr, $where:literal, $after:literal) => {
        [
            concat!(
                $before,
                $where,
                $crate::sql::dialect::document_filter!($in_list),
                $after
            ),
            concat!(
                $before,
                $where,
                "id IN (SELECT id FROM document WHERE state IN ('waiting', 'leased')
                        UNION ALL SELECT id FROM document
                        WHERE state IN ('delivered', 'dead', 'expired')
                          AND state IN ('dead', 'expired')) AND ",
                $crate::sql::dialect::document_filter!($in_list),
                $after
            ),
            concat!(
                $before,
                $where,
                "webhook_id ",
                $in_list!("$1"),
                " AND ",
                $crate::sql::dialect::document_filter!($in_list),
                $after
            ),
        ]
    };
}

/// Removes at most `$2` rows of a table that a condition selects. A condition on the state has the
/// term of the partial index, word by word: SQLite uses the index only then.
macro_rules! prune {
    ($table:literal, $condition:literal, $skip_locked:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE id IN (SELECT id FROM ",
            $table,
            " WHERE ",
            $condition,
            " LIMIT $2",
            $skip_locked,
            ")"
        )
    };
}

/// Finds calls by their rows. The newest `$1` of the time from `$7` to `$8` are looked at; what the
/// page filters by is in the index, so that a call that does not match is not read. Of those that
/// match, the text is looked for in the newest `$17`. `$2` is the last call of the page before. Only
/// calls of the accounts `$18` are looked at, if they are given.
macro_rules! find_calls {
    ($in_list:ident, $like:literal, $escape:literal, $text:expr) => {
        concat!(
            "SELECT * FROM call WHERE id IN (
                SELECT id FROM (
                    SELECT id, started_ms, flow, account, switch, called, hangup_cause, ended_ms, asked
                    FROM call WHERE started_ms >= $7 AND started_ms <
                        coalesce((SELECT started_ms + 1 FROM call WHERE id = $2), $8)
                    ORDER BY started_ms DESC LIMIT $1) AS newest
                WHERE ($2 IS NULL OR (started_ms, id) < (SELECT started_ms, id FROM call WHERE id = $2))
                  AND ($9 IS NULL OR flow = $9) AND ($10 IS NULL OR account = $10)
                  AND ($11 IS NULL OR switch = $11)
                  AND ($12 IS NULL OR called ", $like, " $12", $escape, ") AND ($13 IS NULL OR hangup_cause ", $like, " $13", $escape, ")
                  AND ($14 IS NULL OR ended_ms - started_ms >= $14)
                  AND ($15 IS NULL OR ended_ms - started_ms <= $15)
                  AND ($16 IS NULL OR asked LIKE $16", $escape, ")
                  AND ($18 IS NULL OR account ", $in_list!("$18"), ")
                ORDER BY started_ms DESC, id DESC LIMIT $17)
               AND ($3 IS NULL OR call_uuid = $3) AND ($4 IS NULL OR ",
            $text,
            ")
             ORDER BY started_ms DESC, id DESC LIMIT $6"
        )
    };
}

/// Builds a [`Dialect`] from its fragments and from the statements that differ as a whole.
macro_rules! dialect {
    (
        in_list: $in_list:ident,
        attempt_id: $attempt_id:literal,
        skip_locked: $skip_locked:literal,
        $($statement:ident: $text:expr,)*
    ) => {
        $crate::sql::Dialect {
            attempt_id: $attempt_id,
            documents: $crate::sql::dialect::by_scope!(
                $in_list,
                $crate::sql::dialect::select_documents!($attempt_id),
                "WHERE ",
                "ORDER BY id LIMIT $7"
            ),
            document: concat!(
                $crate::sql::dialect::select_documents!($attempt_id),
                "WHERE webhook_id = $1"
            ),
            documents_of_channels: concat!(
                $crate::sql::dialect::select_documents!($attempt_id),
                "WHERE call_uuid ",
                $in_list!("$1"),
                " AND ($3 IS NULL OR account ",
                $in_list!("$3"),
                ") ORDER BY id LIMIT $2"
            ),
            events_after: concat!(
                $crate::sql::dialect::select_events!(),
                "AND id > $1 AND NOT (id ",
                $in_list!("$2"),
                ") ORDER BY id LIMIT $3"
            ),
            attempts: concat!(
                "SELECT started_ms, took_ms, status, error FROM attempt WHERE document_id = $1
                 ORDER BY ",
                $attempt_id
            ),
            count_replayable: $crate::sql::dialect::by_scope!(
                $in_list,
                "SELECT count(*) AS documents FROM document WHERE state <> 'leased' AND ",
                "",
                ""
            ),
            paused_endpoints: $crate::sql::dialect::by_scope!(
                $in_list,
                "SELECT endpoint FROM pause WHERE endpoint IN
                    (SELECT endpoint FROM document WHERE state <> 'leased' AND ",
                "",
                ")"
            ),
            replayed_endpoints: $crate::sql::dialect::by_scope!(
                $in_list,
                "SELECT DISTINCT endpoint FROM document WHERE state <> 'leased' AND ",
                "",
                ""
            ),
            // The last condition is for an instance that has leased a document meanwhile.
            replay: $crate::sql::dialect::by_scope!(
                $in_list,
                "UPDATE document SET state = 'waiting', due_ms = $7 + $8 * chosen.turn,
                                     attempts = 0, first_ms = NULL, not_before_ms = 0,
                                     settled_ms = NULL, expires_ms = NULL
                 FROM (SELECT id AS chosen_id, row_number() OVER (ORDER BY id) - 1 AS turn
                       FROM document WHERE state <> 'leased' AND ",
                "",
                ") AS chosen
                 WHERE document.id = chosen.chosen_id AND document.state <> 'leased'"
            ),
            call_parties: concat!(
                "SELECT call_uuid, caller, called FROM call WHERE call_uuid ",
                $in_list!("$1")
            ),
            responses_of_channels: concat!(
                "SELECT call_uuid, flow, webhook, at_ms, variables FROM response
                 WHERE channel_uuid ",
                $in_list!("$1"),
                " ORDER BY at_ms, id LIMIT $2"
            ),
            responses_of_calls: concat!(
                "SELECT call_uuid, flow, webhook, at_ms, variables FROM response
                 WHERE call_uuid ",
                $in_list!("$1"),
                " ORDER BY at_ms, id"
            ),
            count_unpublished: concat!(
                "SELECT count(*) AS calls, min(until_ms) AS until_ms FROM unpublished
                 WHERE $1 IS NULL OR call_uuid ",
                $in_list!("$1")
            ),
            prune: [
                // A call without times, of which nothing was learnt, has no age.
                $crate::sql::dialect::prune!(
                    "call",
                    "started_ms < $1 AND ended_ms < $1 AND (started_ms > 0 OR ended_ms > 0)",
                    $skip_locked
                ),
                $crate::sql::dialect::prune!("response", "at_ms < $1", $skip_locked),
                $crate::sql::dialect::prune!(
                    "document",
                    "state IN ('delivered', 'dead', 'expired') AND state = 'delivered' AND settled_ms < $1",
                    $skip_locked
                ),
                $crate::sql::dialect::prune!(
                    "document",
                    "state IN ('delivered', 'dead', 'expired') AND state = 'dead' AND settled_ms < $1",
                    $skip_locked
                ),
                $crate::sql::dialect::prune!(
                    "document",
                    "state IN ('delivered', 'dead', 'expired') AND state = 'expired' AND settled_ms < $1",
                    $skip_locked
                ),
                $crate::sql::dialect::prune!("audit", "at_ms < $1", $skip_locked),
            ],
            backlogs_of_accounts: concat!(
                "SELECT endpoint, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                        count(*) FILTER (WHERE state = 'leased') AS leased,
                        count(*) FILTER (WHERE state = 'dead') AS dead,
                        min(inserted_ms) FILTER (WHERE state <> 'dead') AS oldest_ms,
                        (SELECT reason FROM pause WHERE pause.endpoint = document.endpoint) AS paused,
                        (SELECT since_ms FROM pause WHERE pause.endpoint = document.endpoint) AS paused_since_ms
                 FROM document WHERE id IN (
                     SELECT id FROM document WHERE state IN ('waiting', 'leased')
                     UNION ALL SELECT id FROM document
                     WHERE state IN ('delivered', 'dead', 'expired') AND state = 'dead') AND account ",
                $in_list!("$1"),
                " GROUP BY endpoint ORDER BY endpoint"
            ),
            delete: [
                concat!("DELETE FROM call WHERE id ", $in_list!("$1")),
                concat!("DELETE FROM response WHERE id ", $in_list!("$1")),
                concat!("DELETE FROM document WHERE id ", $in_list!("$1")),
                concat!("DELETE FROM unpublished WHERE id ", $in_list!("$1")),
            ],
            expire_events: concat!(
                "UPDATE document SET state = 'expired', lease = NULL, settled_ms = $1
                 WHERE id IN (SELECT id FROM document
                              WHERE kind = 'event' AND state IN ('waiting', 'leased')
                                AND expires_ms <= $1 AND (state = 'waiting' OR due_ms <= $1)
                              LIMIT $2",
                $skip_locked,
                ") RETURNING endpoint"
            ),
            $($statement: $text,)*
        }
    };
}

pub(crate) use {
    by_scope, dialect, document_filter, find_calls, prune, select_documents, select_events,
};
