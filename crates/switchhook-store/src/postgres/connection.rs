//! How PostgreSQL runs a statement, and the statements that only PostgreSQL has.
//!
//! Every statement is without a name: behind a pooler in transaction mode the next transaction
//! may run on another server connection, which does not know this one's names.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{SqlSafeStr, SqlStr};

use crate::sql::{Dialect, Value, dialect, impl_sql_connection};

/// Searches an array.
macro_rules! in_list {
    ($list:literal) => {
        concat!("= ANY(", $list, ")")
    };
}

impl_sql_connection!(PgConnection, PgRow, prepare, DIALECT);

type Prepared<'q> = Query<'q, Postgres, PgArguments>;

/// Returns a statement without a name.
pub(super) fn unnamed<'q>(sql: impl SqlSafeStr) -> Prepared<'q> {
    sqlx::query(sql).persistent(false)
}

fn prepare<'q>(sql: SqlStr, values: &'q [Value<'q>]) -> Prepared<'q> {
    values
        .iter()
        .fold(unnamed(sql), |query, value| match value {
            Value::Text(value) => query.bind(value.map(text)),
            Value::Integer(number) => query.bind(*number),
            Value::Bytes(bytes) => query.bind(*bytes),
            Value::Boolean(value) => query.bind(*value),
            Value::Texts(list) => {
                let list = list.as_ref().map(|list| texts(list.iter().copied()));
                query.bind(list)
            }
            Value::Integers(numbers) => query.bind(*numbers),
        })
}

/// Returns text that PostgreSQL can store: it has no NUL, which a text of a switch or a receiver
/// may have.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns each text as [`text`] does.
pub(super) fn texts<'a>(list: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let list = list.into_iter();
    list.map(|one| text(one).into_owned()).collect()
}

const DIALECT: Dialect = dialect::dialect! {
    in_list: in_list,
    attempt_id: "id",
    // What another instance is changing at the moment is left to it.
    skip_locked: " FOR UPDATE SKIP LOCKED",
    is_shared: true,
    legs: "SELECT switch, call_id, leg_uuid, created_us, known, json FROM leg
           ORDER BY switch, call_id, leg_uuid",
    insert_response:
        "INSERT INTO response (channel_uuid, call_uuid, flow, webhook, at_ms, variables, names)
         VALUES ($1, $1, $2, $3, $4, $5, $6)",
    claim:
        "WITH due AS (
             SELECT id AS due_id FROM document
             WHERE endpoint = $4 AND state IN ('waiting', 'leased') AND due_ms <= $2
                        AND (expires_ms IS NULL OR expires_ms > $2)
               AND NOT EXISTS (SELECT 1 FROM pause WHERE pause.endpoint = $4)
             ORDER BY due_ms LIMIT $5 FOR UPDATE SKIP LOCKED)
         UPDATE document SET state = 'leased', lease = $1, due_ms = $2 + $3,
                             attempts = attempts + 1, first_ms = coalesce(first_ms, $2),
                             last_ms = $2
         FROM due WHERE id = due_id
         RETURNING id, webhook_id, kind, endpoint, call_uuid, flow, method, url, headers, body,
                   attempts, first_ms, expires_ms, account, switch",
    make_backlog_due:
        "UPDATE document SET due_ms = greatest($1, not_before_ms)
         WHERE id IN (SELECT id FROM document
                      WHERE endpoint = $2 AND state = 'waiting' AND attempts > 0
                        AND due_ms > greatest($1, not_before_ms)
                      LIMIT $3 FOR UPDATE SKIP LOCKED)",
    claim_unpublished:
        "WITH due AS (SELECT id AS due_id FROM unpublished WHERE due_ms <= $2
                      ORDER BY due_ms LIMIT $4 FOR UPDATE SKIP LOCKED)
         UPDATE unpublished SET lease = $1, due_ms = $2 + $3 FROM due WHERE id = due_id
         RETURNING id, switch, call_uuid, created_us, inserted_ms, until_ms, json",
    // The search folds ASCII letters only, as the page does: with the rules of a language it takes
    // twice as long.
    search_calls:
        "SELECT * FROM call
         WHERE id > (SELECT coalesce(max(id), 0) FROM call) - $1 AND ($2 IS NULL OR id < $2)
           AND ($3 IS NULL OR call_uuid = $3)
           AND ($4 IS NULL OR caller COLLATE \"C\" ILIKE $4 OR called COLLATE \"C\" ILIKE $4
                OR call_uuid ILIKE $4 OR account ILIKE $4
                OR story COLLATE \"C\" ILIKE $4
                OR caller LIKE $6 OR called LIKE $6 OR story LIKE $6)
           AND ($7 IS NULL OR account = ANY($7))
         ORDER BY id DESC LIMIT $5",
    find_calls: dialect::find_calls!(
        in_list,
        "ILIKE",
        "",
        "caller COLLATE \"C\" ILIKE $4 OR called COLLATE \"C\" ILIKE $4 OR call_uuid ILIKE $4 OR account ILIKE $4
         OR story COLLATE \"C\" ILIKE $4 OR caller LIKE $5 OR called LIKE $5 OR story LIKE $5"
    ),
    persisted_names:
        "SELECT DISTINCT response.webhook AS webhook, variable.name AS name
         FROM response LEFT JOIN call ON call.call_uuid = response.call_uuid,
              unnest(response.names) AS variable(name)
         WHERE ($1 IS NULL OR coalesce(call.flow, response.flow) = $1)
           AND ($2 IS NULL OR coalesce(call.started_ms, response.at_ms) >= $2)
           AND ($3 IS NULL OR coalesce(call.started_ms, response.at_ms) < $3)
         ORDER BY 1, 2",
    calls_with_text:
        "SELECT id, call_uuid, started_ms, caller, called, story FROM call
         WHERE strpos(caller || ' ' || called || ' ' || story, $1) > 0 ORDER BY id",
    responses_with_text:
        "SELECT id, NULL::text AS state, call_uuid AS channel,
                convert_to(variables, 'UTF8') AS text
         FROM response WHERE strpos(variables, $1) > 0 OR call_uuid = ANY($2)",
    documents_with_text:
        "SELECT id, state, call_uuid AS channel,
                convert_to(coalesce(url, '') || ' ' || headers || ' ', 'UTF8') || body AS text
         FROM document WHERE strpos(coalesce(url, '') || ' ' || headers, $1) > 0
            OR position(convert_to($1, 'UTF8') in body) > 0
            OR call_uuid = ANY($2)",
    unpublished_with_text:
        "SELECT id, NULL::text AS state, call_uuid AS channel, convert_to(json, 'UTF8') AS text
         FROM unpublished WHERE strpos(json, $1) > 0 OR call_uuid = ANY($2)",
    add_stats:
        "INSERT INTO stat AS s (value_id, span_s, start_ms, series, step, amount)
         SELECT (e ->> 0)::bigint, (e ->> 1)::bigint, (e ->> 2)::bigint, e ->> 3,
                (e ->> 4)::bigint, (e ->> 5)::bigint
         FROM json_array_elements($1::json) AS e
         ON CONFLICT (value_id, span_s, start_ms, series, step)
         DO UPDATE SET amount = s.amount + excluded.amount",
    stats:
        "SELECT start_ms, series, string_agg(step || ':' || amount, ',') AS steps FROM stat
         WHERE value_id = (SELECT id FROM stat_value WHERE dimension = $1 AND value = $2)
           AND span_s = $3 AND start_ms >= $4 AND start_ms < $5
         GROUP BY start_ms, series ORDER BY start_ms, series",
    fill_probe:
        "INSERT INTO probe (id, data) VALUES (1, decode(repeat('00', $1::integer), 'hex'))
         ON CONFLICT (id) DO UPDATE SET data = excluded.data",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_nul_and_is_otherwise_as_it_was() {
        assert_eq!(text("Zoë\u{1F4DE}"), "Zoë\u{1F4DE}");
        assert_eq!(text("a\0b\0"), "a\u{fffd}b\u{fffd}");
    }
}
