//! How SQLite runs a statement, and the statements that only SQLite has.

use sqlx::SqlStr;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};

use crate::sql::{Dialect, Value, dialect, impl_sql_connection};

/// Searches a JSON list.
macro_rules! in_list {
    ($list:literal) => {
        concat!("IN (SELECT value FROM json_each(", $list, "))")
    };
}

impl_sql_connection!(SqliteConnection, SqliteRow, prepare, DIALECT);

type Prepared<'q> = Query<'q, Sqlite, SqliteArguments>;

fn prepare<'q>(sql: SqlStr, values: &'q [Value<'q>]) -> Prepared<'q> {
    values
        .iter()
        .fold(sqlx::query(sql), |query, value| match value {
            Value::Text(text) => query.bind(*text),
            Value::Integer(number) => query.bind(*number),
            Value::Bytes(bytes) => query.bind(*bytes),
            Value::Boolean(value) => query.bind(*value),
            Value::Texts(texts) => query.bind(texts.as_ref().map(json)),
            Value::Integers(numbers) => query.bind(json(numbers)),
        })
}

fn json(list: &impl serde::Serialize) -> String {
    serde_json::json!(list).to_string()
}

const DIALECT: Dialect = dialect::dialect! {
    in_list: in_list,
    attempt_id: "rowid",
    skip_locked: "",
    is_shared: false,
    // One instance has the file: a leg has neither creation nor rank.
    legs: "SELECT switch, call_id, leg_uuid, NULL AS created_us, 0 AS known, json FROM leg
           ORDER BY switch, call_id",
    insert_response:
        "INSERT INTO response (channel_uuid, call_uuid, flow, webhook, at_ms, variables)
         VALUES ($1, $1, $2, $3, $4, $5)",
    claim:
        "UPDATE document SET state = 'leased', lease = $1, due_ms = $2 + $3,
                             attempts = attempts + 1, first_ms = coalesce(first_ms, $2),
                             last_ms = $2
         WHERE id IN (SELECT id FROM document
                      WHERE endpoint = $4 AND state IN ('waiting', 'leased') AND due_ms <= $2
                        AND (expires_ms IS NULL OR expires_ms > $2)
                        AND NOT EXISTS (SELECT 1 FROM pause WHERE pause.endpoint = $4)
                      ORDER BY due_ms LIMIT $5)
         RETURNING id, webhook_id, kind, endpoint, call_uuid, flow, method, url, headers, body,
                   attempts, first_ms, expires_ms, account, switch",
    make_backlog_due:
        "UPDATE document SET due_ms = max($1, not_before_ms)
         WHERE id IN (SELECT id FROM document
                      WHERE endpoint = $2 AND state IN ('waiting', 'leased') AND state = 'waiting'
                        AND attempts > 0 AND due_ms > max($1, not_before_ms) LIMIT $3)",
    claim_unpublished:
        "UPDATE unpublished SET lease = $1, due_ms = $2 + $3
         WHERE id IN (SELECT id FROM unpublished WHERE due_ms <= $2 ORDER BY due_ms LIMIT $4)
         RETURNING id, switch, call_uuid, created_us, inserted_ms, until_ms, json",
    search_calls:
        "SELECT * FROM call
         WHERE id > (SELECT coalesce(max(id), 0) FROM call) - $1 AND ($2 IS NULL OR id < $2)
           AND ($3 IS NULL OR call_uuid = $3)
           AND ($4 IS NULL OR caller LIKE $4 ESCAPE '\\' OR called LIKE $4 ESCAPE '\\'
                OR call_uuid LIKE $4 ESCAPE '\\' OR account LIKE $4 ESCAPE '\\'
                OR story LIKE $4 ESCAPE '\\'
                OR caller LIKE $6 OR called LIKE $6 OR story LIKE $6)
           AND ($7 IS NULL OR account IN (SELECT value FROM json_each($7)))
         ORDER BY id DESC LIMIT $5",
    find_calls: dialect::find_calls!(
        in_list,
        "LIKE",
        " ESCAPE '\\'",
        "caller LIKE $4 ESCAPE '\\' OR called LIKE $4 ESCAPE '\\'
         OR call_uuid LIKE $4 ESCAPE '\\' OR account LIKE $4 ESCAPE '\\'
         OR story LIKE $4 ESCAPE '\\'
         OR caller LIKE $5 OR called LIKE $5 OR story LIKE $5"
    ),
    persisted_names:
        "SELECT DISTINCT response.webhook AS webhook, variable.key AS name
         FROM response LEFT JOIN call ON call.call_uuid = response.call_uuid,
              json_each(response.variables) AS variable
         WHERE ($1 IS NULL OR coalesce(call.flow, response.flow) = $1)
           AND ($2 IS NULL OR coalesce(call.started_ms, response.at_ms) >= $2)
           AND ($3 IS NULL OR coalesce(call.started_ms, response.at_ms) < $3)
         ORDER BY 1, 2",
    calls_with_text:
        "SELECT id, call_uuid, started_ms, caller, called, story FROM call
         WHERE instr(caller || ' ' || called || ' ' || story, $1) > 0 ORDER BY id",
    responses_with_text:
        "SELECT id, NULL AS state, call_uuid AS channel, CAST(variables AS BLOB) AS text
         FROM response WHERE instr(variables, $1) > 0
            OR call_uuid IN (SELECT value FROM json_each($2))",
    documents_with_text:
        "SELECT id, state, call_uuid AS channel,
                CAST(coalesce(url, '') || ' ' || headers || ' ' AS BLOB) || body AS text
         FROM document WHERE instr(coalesce(url, '') || ' ' || headers, $1) > 0
            OR instr(body, CAST($1 AS BLOB)) > 0
            OR call_uuid IN (SELECT value FROM json_each($2))",
    unpublished_with_text:
        "SELECT id, NULL AS state, call_uuid AS channel, CAST(json AS BLOB) AS text
         FROM unpublished WHERE instr(json, $1) > 0
            OR call_uuid IN (SELECT value FROM json_each($2))",
    add_stats:
        "INSERT INTO stat (value_id, span_s, start_ms, series, step, amount)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each($1) WHERE true
         ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
    stats:
        "SELECT start_ms, series, group_concat(step || ':' || amount) AS steps FROM stat
         WHERE value_id = (SELECT id FROM stat_value WHERE dimension = $1 AND value = $2)
           AND span_s = $3 AND start_ms >= $4 AND start_ms < $5
         GROUP BY start_ms, series ORDER BY start_ms, series",
    fill_probe: "INSERT OR REPLACE INTO probe (id, data) VALUES (1, zeroblob($1))",
};
