//! The SQLite store passes the conformance suite.

#![allow(
    clippy::expect_used,
    reason = "a failed expectation fails the test with its text"
)]

use test_support::store_suite;

use std::path::Path;
use std::str::FromStr as _;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store_suite::Factory;
use switchhook_store::{CallFilter, Clock, ReportCursor, Role, Store, StoreOptions};

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
        let options = StoreOptions {
            clock,
            ..StoreOptions::new(self.url(), role)
        };
        Store::open(options).await.expect("opened")
    }
}

test_support::conformance!(Some(SqliteFile::new()));

test_support::tests_of! { #[tokio::test] Some(SqliteFile::new());
    a_predecessors_leases_are_freed_at_the_start
    calls_that_a_predecessor_had_leased_are_free_at_the_start
}

#[tokio::test]
async fn a_copy_has_everything() {
    store_suite::a_copy_is_restored_into(&SqliteFile::new(), &SqliteFile::new()).await;
    store_suite::what_was_being_tried_waits_in_a_copy(&SqliteFile::new(), &SqliteFile::new()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = SqliteFile::new();
    let store = file.open(Role::Serve, Clock::Database).await;
    let folder = std::fs::read_dir(file.0.path()).expect("its folder");
    let mut names = Vec::new();
    for entry in folder.flatten() {
        let mode = entry.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name());
    }
    assert!(names.len() >= 3, "{names:?}");
    store.close().await;
}

/// Creates a store with the migrations up to `version`, as an older program did.
async fn create_with_version(url: &str, version: i64) -> SqliteConnection {
    let mut database = SqliteConnectOptions::from_str(url)
        .expect("a URL")
        .create_if_missing(true)
        .connect()
        .await
        .expect("made");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/migrations/sqlite");
    let migrator = Migrator::new(Path::new(folder)).await;
    let mut migrator = migrator.expect("sqlx reads the folder");
    let migrations = migrator.migrations.iter();
    let older = migrations.filter(|migration| migration.version <= version);
    migrator.migrations = older.cloned().collect();
    migrator.run(&mut database).await.expect("migrated");
    database
}

#[tokio::test]
async fn a_store_of_an_older_version_keeps_its_calls_and_documents() {
    let file = SqliteFile::new();
    let mut older = create_with_version(&file.url(), 2).await;
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
