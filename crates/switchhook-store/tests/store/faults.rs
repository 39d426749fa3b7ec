//! The store's errors and recovery when its disk or its file fails, or another program has it.

#![allow(
    clippy::expect_used,
    reason = "a failed expectation fails the test with its text"
)]

use test_support::store_suite;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Executor as _};
use store_suite::{all, claim, finished, leg, settle};
use switchhook_store::{DeliveryOutcome, DocumentFilter, Role, Store, StoreError, StoreOptions};

struct StoreFolder(tempfile::TempDir);

impl StoreFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    fn options(&self, role: Role) -> StoreOptions {
        let url = format!("sqlite:{}", self.path().display());
        StoreOptions {
            busy_timeout: Duration::from_millis(50),
            ..StoreOptions::new(url, role)
        }
    }

    async fn open(&self, role: Role) -> Result<Store, StoreError> {
        Store::open(self.options(role)).await
    }

    /// Opens a connection as another program would.
    async fn other_program(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        options.connect().await.expect("connected")
    }
}

async fn unhealthy(store: &Store) -> String {
    let mut health = store.health();
    let health = health.wait_for(|health| !health.ok).await.expect("open");
    health.what.clone()
}

#[tokio::test]
async fn a_second_serve_is_refused_and_named_the_holder_of_the_file() {
    let folder = StoreFolder::new();
    let first = folder.open(Role::Serve).await.expect("opened");
    let error = folder.open(Role::Serve).await.expect_err("refused");
    assert!(matches!(error, StoreError::InUse { .. }));
    let text = error.to_string();
    let process = format!("process {}", std::process::id());
    for part in [
        "store.db",
        "another `switchhook serve`",
        &process,
        "[store] url",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    first.close().await;
    folder.open(Role::Serve).await.expect("free again");
}

#[tokio::test]
async fn commands_open_the_store_beside_a_serve() {
    let folder = StoreFolder::new();
    let serve = folder.open(Role::Serve).await.expect("opened");
    serve
        .finish_call(finished("a", &[], &["completed"]))
        .await
        .expect("finished");
    let beside = folder.open(Role::Command).await.expect("opened beside");
    assert_eq!(all(&beside).await.len(), 1);
    let replayed = beside
        .replay(DocumentFilter::default(), Duration::ZERO)
        .await;
    assert_eq!(replayed.expect("replayed"), 1);
    serve
        .put_leg(leg("b", "b"))
        .await
        .expect("the service goes on writing");
}

#[tokio::test]
async fn a_command_makes_no_store_where_there_is_none() {
    let folder = StoreFolder::new();
    let error = folder.open(Role::Command).await.expect_err("refused");
    assert!(matches!(error, StoreError::NotThere { .. }), "{error}");
    assert!(error.to_string().contains("start `switchhook serve` once"));
    assert!(!folder.path().exists());
}

#[tokio::test]
async fn urls_that_are_no_durable_store_are_refused_with_an_example() {
    for url in [
        "",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:a.db?mode=memory",
        "mysql://x/y",
        "store.db?x=1",
    ] {
        let refused = Store::open(StoreOptions::new(url, Role::Serve)).await;
        let error = refused.expect_err(url);
        assert!(matches!(error, StoreError::Url { .. }), "{url}: {error}");
        assert!(error.to_string().contains("sqlite:switchhook.db"));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_place_where_no_store_can_be_has_its_own_cure() {
    let folder = StoreFolder::new();
    std::fs::write(folder.0.path().join("file"), "").expect("written");
    let inside = |name: &str| folder.0.path().join(name).display().to_string();
    let folder_itself = folder.0.path().display().to_string();
    // Nobody can write in /proc, not even root.
    for (file, role, what, cure) in [
        (
            inside("none/x.db"),
            Role::Serve,
            "no folder",
            "create the folder",
        ),
        (
            inside("none/x.db"),
            Role::Command,
            "no folder",
            "create the folder",
        ),
        (
            folder_itself.clone(),
            Role::Serve,
            "is a folder",
            "name a file in it",
        ),
        (
            folder_itself,
            Role::Command,
            "is a folder",
            "name a file in it",
        ),
        (
            inside("file/x.db"),
            Role::Serve,
            "is a file",
            "correct the path",
        ),
        (
            inside("file/x.db"),
            Role::Command,
            "is a file",
            "correct the path",
        ),
        (
            inside("file/a/x.db"),
            Role::Serve,
            "is a file",
            "correct the path",
        ),
        (
            "/proc/x.db".to_owned(),
            Role::Serve,
            "/proc",
            "or name another",
        ),
    ] {
        let url = format!("sqlite:{file}");
        let opened = Store::open(StoreOptions::new(&url, role)).await;
        let error = opened.expect_err(&url);
        assert!(matches!(error, StoreError::Place { .. }), "{error}");
        assert!(!error.is_recoverable());
        let text = error.to_string();
        let (said, said_cure) = text.split_once("; ").expect("a cure");
        assert!(said.contains(&file) && said.contains(what), "{text}");
        assert!(said_cure.contains(cure), "{text}");
        // What every user sees is known without opening.
        let seen = switchhook_store::check_place(&url).is_err();
        assert_eq!(seen, !file.starts_with("/proc"), "{url}");
    }
    let fine = format!("sqlite:{}", inside("x.db"));
    for url in [fine.as_str(), "sqlite:x.db", "postgres://user@db.example/x"] {
        switchhook_store::check_place(url).expect(url);
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = StoreFolder::new();
    let text = "a letter to my mother, of more than a hundred bytes. ".repeat(30);
    std::fs::write(folder.path(), &text).expect("written");
    for role in [Role::Serve, Role::Command] {
        let error = folder.open(role).await.expect_err("refused");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    assert_eq!(std::fs::read_to_string(folder.path()).expect("read"), text);
}

#[tokio::test]
async fn tables_of_a_newer_version_are_not_touched() {
    let folder = StoreFolder::new();
    folder
        .open(Role::Serve)
        .await
        .expect("opened")
        .close()
        .await;
    let newer = "INSERT INTO _sqlx_migrations
        VALUES (9999, 'newer', CURRENT_TIMESTAMP, TRUE, x'00', 0)";
    folder
        .other_program()
        .await
        .execute(newer)
        .await
        .expect("written");
    for role in [Role::Serve, Role::Command] {
        let error = folder.open(role).await.expect_err("refused");
        assert!(matches!(error, StoreError::Schema { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_locked_file_is_said_and_the_store_recovers_by_itself() {
    let folder = StoreFolder::new();
    let store = folder.open(Role::Serve).await.expect("opened");
    let mut other = folder.other_program().await;
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    let call = finished("a", &[], &["completed"]);
    let error = store.finish_call(call.clone()).await.expect_err("locked");
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.is_recoverable());
    assert!(
        unhealthy(&store)
            .await
            .contains("is locked by another program")
    );
    other.execute("ROLLBACK").await.expect("unlocked");
    store.recovered().await;
    assert_eq!(store.finish_call(call).await.expect("finished"), [true]);
}

#[tokio::test]
async fn a_full_disk_is_said_loses_nothing_and_ends_when_there_is_space() {
    let folder = StoreFolder::new();
    let options = StoreOptions {
        max_bytes: Some(512 * 1024),
        ..folder.options(Role::Serve)
    };
    let store = Store::open(options).await.expect("opened");
    let mut stored: u64 = 0;
    let error = loop {
        let mut call = finished(&format!("call-{stored}"), &[], &["completed"]);
        call.documents[0].content.body = vec![b'x'; 20_000].into();
        match store.finish_call(call).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(stored > 5, "{stored} documents fitted");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(unhealthy(&store).await.contains("free space on its disk"));
    assert_eq!(all(&store).await.len() as u64, stored, "all of it is there");
    let mut other = folder.other_program().await;
    let free = "DELETE FROM document WHERE id > 4";
    other.execute(free).await.expect("space was freed");
    store.recovered().await;
    let claimed = claim(&store, "completed", 1_000).await;
    assert_eq!(claimed.len(), 4);
    for one in &claimed {
        settle(&store, one, DeliveryOutcome::Delivered)
            .await
            .expect("delivered");
    }
    store
        .finish_call(finished("late", &[], &["completed"]))
        .await
        .expect("finished");
}

#[tokio::test]
async fn one_write_that_does_not_fit_does_not_take_the_others_with_it() {
    let folder = StoreFolder::new();
    let options = StoreOptions {
        max_bytes: Some(512 * 1024),
        ..folder.options(Role::Serve)
    };
    let store = Store::open(options).await.expect("opened");
    let mut huge = finished("huge", &[], &["completed"]);
    huge.documents[0].content.body = vec![0; 4 << 20].into();
    let small = |n: usize| store.finish_call(finished(&format!("call-{n}"), &[], &["completed"]));
    let (a, refused, b) = tokio::join!(small(1), store.finish_call(huge), small(2));
    assert_eq!(
        (a.expect("stored"), b.expect("stored")),
        (vec![true], vec![true])
    );
    assert!(matches!(refused, Err(StoreError::Full { .. })));
    assert_eq!(all(&store).await.len(), 2);
}

#[tokio::test]
async fn a_store_that_was_moved_away_takes_no_writes_until_it_is_back() {
    let folder = StoreFolder::new();
    let store = folder.open(Role::Serve).await.expect("opened");
    store.put_leg(leg("a", "a")).await.expect("stored");
    let away = folder.0.path().join("away.db");
    std::fs::rename(folder.path(), &away).expect("moved");
    let error = store.put_leg(leg("b", "b")).await.expect_err("gone");
    assert!(matches!(error, StoreError::Gone { .. }), "{error}");
    assert!(unhealthy(&store).await.contains("put it back"));
    std::fs::rename(&away, folder.path()).expect("moved back");
    store.recovered().await;
    store.put_leg(leg("b", "b")).await.expect("stored");
    assert_eq!(store.load_legs().await.expect("legs").len(), 2);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = StoreFolder::new();
    let store = folder.open(Role::Serve).await.expect("opened");
    store.close().await;
    let error = store.put_leg(leg("a", "a")).await.expect_err("closed");
    assert!(matches!(error, StoreError::Closed));
}

#[tokio::test]
async fn closing_writes_what_was_handed_over_before() {
    let folder = StoreFolder::new();
    let store = folder.open(Role::Serve).await.expect("opened");
    let writes = (0..300).map(|n| store.put_leg(leg("a", &format!("leg-{n}"))));
    let (written, ()) = tokio::join!(futures_util::future::join_all(writes), store.close());
    let stored = written.iter().filter(|w| w.is_ok()).count();
    let store = folder.open(Role::Serve).await.expect("opened");
    assert_eq!(
        store.load_legs().await.expect("legs").len(),
        stored,
        "as many as were told so"
    );
}
