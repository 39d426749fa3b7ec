//! How the databases run the statements of the operator's page and of the outbox: none may read a
//! whole table, however many calls and documents there are.

use sqlx::migrate::Migrator;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _,
};

use super::{Dialect, SqlConnection, statements};
use crate::migrations::{POSTGRES, SQLITE};

/// Tables that grow with the calls.
const LARGE: [&str; 5] = ["call", "document", "stat", "attempt", "response"];

/// Rows of counts, as JSON.
const ROWS: &str = r#"'[[1,60,0,"held",0,1]]'"#;

/// A statement, with literals for its parameters.
type Case<'c> = (&'c str, &'c str, Vec<&'c str>);

/// Returns the statements that run on a page, in the outbox or in the background.
fn cases<'c>(dialect: &'c Dialect, ids: &'c str, no_list: &'c str) -> Vec<Case<'c>> {
    let filter = |ids: &'c str| vec![ids, no_list, "'crm'", "0", "9", no_list, "50", "1"];
    let [_, undelivered, by_id] = [0, 1, 2];
    let mut all = vec![
        ("backlogs", statements::BACKLOGS, vec![]),
        (
            "make next due",
            statements::MAKE_NEXT_DUE,
            vec!["5", "'crm'"],
        ),
        (
            "free claim",
            statements::FREE_CLAIM,
            vec!["5", bytes(dialect)],
        ),
        ("restart", statements::RESTART_SCHEDULES, vec!["'crm'"]),
        ("next event", statements::FREE_NEXT_EVENT, vec!["5", "1"]),
        (
            "events",
            statements::EVENTS_OF_CALL,
            vec!["'s'", "'c'", "1"],
        ),
        ("give up", statements::GIVE_UP, vec!["5", "'id'"]),
        ("delete settled", statements::DELETE_SETTLED, vec!["'id'"]),
        (
            "prune stats",
            statements::PRUNE_STATS,
            vec!["60", "5", "1000"],
        ),
        ("document", dialect.document, vec!["'id'"]),
        ("attempts", dialect.attempts, vec!["1"]),
        (
            "documents of channels",
            dialect.documents_of_channels,
            vec![ids, "500", no_list],
        ),
        (
            "responses of channels",
            dialect.responses_of_channels,
            vec![ids, "100"],
        ),
        ("parties", dialect.call_parties, vec![ids]),
        ("stats", dialect.stats, vec!["'all'", "''", "60", "0", "9"]),
        ("add stats", dialect.add_stats, vec![ROWS]),
        (
            "claim",
            dialect.claim,
            vec![bytes(dialect), "5", "90", "'crm'", "9"],
        ),
        (
            "backlog due",
            dialect.make_backlog_due,
            vec!["5", "'crm'", "9"],
        ),
        ("expire events", dialect.expire_events, vec!["5", "9"]),
        ("find calls", dialect.find_calls, find_calls(no_list)),
        ("calls of accounts", dialect.find_calls, find_calls(ids)),
        ("latest calls", dialect.search_calls, latest_calls(no_list)),
        (
            "backlogs of accounts",
            dialect.backlogs_of_accounts,
            vec![ids],
        ),
    ];
    for (scope, ids) in [(undelivered, no_list), (by_id, ids)] {
        let values = || filter(ids);
        all.push(("documents", dialect.documents[scope], values()));
        all.push(("count", dialect.count_replayable[scope], values()));
        all.push(("paused", dialect.paused_endpoints[scope], values()));
        all.push(("replayed", dialect.replayed_endpoints[scope], values()));
        all.push(("replay", dialect.replay[scope], values()));
    }
    let prune = dialect.prune.iter();
    all.extend(prune.map(|sql| ("prune", *sql, vec!["5", "1000"])));
    all
}

const fn bytes(dialect: &Dialect) -> &'static str {
    if dialect.is_shared {
        "'\\x01'::bytea"
    } else {
        "x'01'"
    }
}

fn find_calls(accounts: &str) -> Vec<&str> {
    vec![
        "50000",
        "NULL",
        "NULL",
        "NULL",
        "NULL",
        "50",
        "0",
        "9",
        "'inbound'",
        "NULL",
        "NULL",
        "NULL",
        "NULL",
        "NULL",
        "NULL",
        "'% lookup TIMEOUT %'",
        "50",
        accounts,
    ]
}

fn latest_calls(accounts: &str) -> Vec<&str> {
    vec!["50000", "NULL", "NULL", "NULL", "50", "NULL", accounts]
}

/// Puts the literals in the place of the parameters.
fn with_literals(sql: &str, literals: &[&str]) -> String {
    let mut sql = sql.to_owned();
    for (at, literal) in literals.iter().enumerate().rev() {
        sql = sql.replace(&format!("${}", at + 1), literal);
    }
    sql
}

#[tokio::test]
async fn sqlite_reads_no_whole_table() {
    let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
    let mut db = options.connect().await.unwrap();
    SQLITE.run_direct(None, &mut db, false).await.unwrap();
    let dialect = sqlx::SqliteConnection::DIALECT;
    let ids = r#"'["a","b"]'"#;
    for (name, sql, literals) in cases(dialect, ids, "NULL") {
        let sql = format!("EXPLAIN QUERY PLAN {}", with_literals(sql, &literals));
        let rows = db.fetch_all(AssertSqlSafe(sql.clone())).await;
        let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let reads_all = |step: &String| {
            let table = |table: &&str| *step == format!("SCAN {table}");
            LARGE.iter().any(table)
        };
        assert!(!steps.iter().any(reads_all), "{name}: {steps:#?}");
    }
}

#[tokio::test]
async fn postgres_reads_no_whole_table() {
    let Some(server) = test_support::postgres::Server::find(&[]) else {
        return;
    };
    let database = server.database();
    let mut db = PgConnection::connect(&database.url()).await.unwrap();
    migrate(&mut db, &POSTGRES).await;
    // The tables are empty: without this, reading one whole would be cheapest.
    db.execute("SET enable_seqscan = off").await.unwrap();
    let dialect = PgConnection::DIALECT;
    for (name, sql, literals) in cases(dialect, "ARRAY['a','b']", "NULL::text[]") {
        let sql = format!("EXPLAIN {}", with_literals(sql, &literals));
        let rows = db.fetch_all(AssertSqlSafe(sql.clone())).await;
        let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
        let steps: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let reads_all = |step: &String| {
            LARGE
                .iter()
                .any(|table| step.contains(&format!("Seq Scan on {table} ")))
        };
        assert!(!steps.iter().any(reads_all), "{name}: {steps:#?}");
    }
}

async fn migrate(db: &mut PgConnection, migrator: &Migrator) {
    for one in migrator.iter() {
        db.execute(one.sql.clone()).await.unwrap();
    }
}
