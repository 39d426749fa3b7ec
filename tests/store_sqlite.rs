//! The embedded store passes the conformance suite.

#![allow(
    clippy::expect_used,
    reason = "a test that fails says what it expected"
)]

mod store_suite;

use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store_suite::Factory;
use switchhook::store::{CallFilter, Clock, Options, ReportCursor, Role, Store};

struct SqliteFile(tempfile::TempDir);

impl SqliteFile {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.0.path().join("store.db").display())
    }
}

impl Factory for SqliteFile {
    async fn open(&self, role: Role, clock: Clock) -> Store {
        let options = Options {
            clock,
            ..Options::new(self.url(), role)
        };
        Store::open(options).await.expect("opened")
    }
}

conformance! { SqliteFile::new();
    legs_are_stored_updated_and_loaded_after_a_restart
    a_finished_call_swaps_its_legs_for_its_documents
    a_call_that_is_finished_twice_keeps_its_first_document
    a_unique_id_that_is_given_again_has_a_document_and_a_row_for_each_call
    how_far_cdrs_were_read_outlasts_a_restart_and_never_goes_back
    a_widgets_requests_are_all_kept_with_their_own_content
    calls_are_told_the_newest_first_and_found_by_their_story
    every_attempt_has_the_same_id_and_bytes
    two_claimers_never_get_the_same_document
    a_stale_token_settles_nothing_and_is_told
    a_predecessors_leases_are_freed_at_the_start
    what_was_settled_is_in_the_list_and_the_history
    the_history_keeps_the_last_fifty_attempts
    a_paused_endpoint_is_not_claimed_until_it_is_resumed
    a_kept_response_belongs_to_the_call_of_its_leg
    news_of_an_insert_reaches_whoever_registered_before_it
}

conformance! { paused SqliteFile::new();
    a_leased_document_is_nobody_elses_until_the_lease_ends
    a_backlog_is_pulled_forward_but_not_before_its_time
    replay_gives_a_fresh_schedule_at_a_rate
    a_filter_finds_by_id_state_endpoint_and_time
    only_what_was_delivered_long_ago_is_removed
}

/// A store as a program made it that had no later migration than `version`.
async fn of_version(url: &str, version: i64) -> SqliteConnection {
    let mut database = SqliteConnectOptions::from_str(url)
        .expect("a URL")
        .create_if_missing(true)
        .connect()
        .await
        .expect("made");
    let mut migrator = sqlx::migrate!("src/store/migrations/sqlite");
    let migrations = migrator.migrations.iter();
    let older = migrations.filter(|migration| migration.version <= version);
    migrator.migrations = older.cloned().collect();
    migrator.run(&mut database).await.expect("migrated");
    database
}

#[tokio::test]
async fn a_store_of_an_older_version_keeps_its_calls_and_documents() {
    let file = SqliteFile::new();
    let mut older = of_version(&file.url(), 2).await;
    let rows = "INSERT INTO call (switch, call_uuid, flow, started_ms, ended_ms, talk_ms, caller,
                                  called, legs, hangup_cause, incomplete)
                VALUES ('pbx-1', 'a', 'outbound', 1000, 2000, 0, '1', '2', 1, '16', 0);
                INSERT INTO document (webhook_id, kind, switch, call_uuid, flow, endpoint, state,
                                      due_ms, inserted_ms, headers, body)
                VALUES ('msg_1', 'document', 'pbx-1', 'a', 'outbound', 'completed', 'waiting',
                        0, 0, '[]', x'7b7d')";
    sqlx::raw_sql(rows).execute(&mut older).await.expect("rows");
    older.close().await.expect("closed");

    let store = file.open(Role::Serve, Clock::Database).await;
    let claimed = store_suite::claim(&store, "completed", 10).await;
    assert_eq!(claimed[0].webhook_id, "msg_1");
    assert_eq!(&claimed[0].content.body[..], b"{}");
    let again = store_suite::finished("a", &[], &["completed"]);
    store.finish_call(again).await.expect("finished");
    let all = CallFilter::default();
    let calls = store.report(&all, ReportCursor::default());
    let (calls, _) = calls.await.expect("page");
    assert_eq!(
        calls.len(),
        1,
        "the same call: it began in the same millisecond"
    );
}
