//! The embedded store passes the conformance suite.

#![allow(
    clippy::expect_used,
    reason = "a test that fails says what it expected"
)]

mod store_suite;

use store_suite::Factory;
use switchhook::store::{Clock, Options, Role, Store};

struct SqliteFile(tempfile::TempDir);

impl SqliteFile {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

impl Factory for SqliteFile {
    async fn open(&self, role: Role, clock: Clock) -> Store {
        let url = format!("sqlite:{}", self.0.path().join("store.db").display());
        let options = Options {
            clock,
            ..Options::new(url, role)
        };
        Store::open(options).await.expect("opened")
    }
}

conformance!(Some(SqliteFile::new()));

tests_of! { #[tokio::test] Some(SqliteFile::new());
    a_predecessors_leases_are_freed_at_the_start
}
