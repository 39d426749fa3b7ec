//! The shared store passes the conformance suite, and what only several instances can show.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that fails says what it expected"
)]

#[path = "support/postgres.rs"]
mod postgres;
mod store_suite;

use std::time::Duration;

use postgres::{Database, Pooler, Server, Stop};
use store_suite::{Factory, all, claim, finished, leg, settle};
use switchhook::store::{Clock, Options, Role, Settled, Store, StoreError};

/// A database of one test.
struct OwnDatabase(Database<'static>);

impl OwnDatabase {
    fn new() -> Option<Self> {
        postgres::shared().map(|server| Self(server.database()))
    }

    async fn serve(&self) -> Store {
        self.open(Role::Serve, Clock::Database).await
    }
}

impl Factory for OwnDatabase {
    async fn open(&self, role: Role, clock: Clock) -> Store {
        let options = Options {
            clock,
            ..Options::new(self.0.url(), role)
        };
        Store::open(options).await.expect("opened")
    }
}

conformance!(OwnDatabase::new());

#[tokio::test]
async fn a_copy_has_everything_and_fits_the_other_database() {
    let (Some(one), Some(other)) = (OwnDatabase::new(), OwnDatabase::new()) else {
        return;
    };
    store_suite::a_copy_is_restored_into(&one, &other).await;
    for turn in [true, false] {
        let Some(database) = OwnDatabase::new() else {
            return;
        };
        let file = SqliteFile(tempfile::tempdir().unwrap());
        match turn {
            true => store_suite::a_copy_is_restored_into(&database, &file).await,
            false => store_suite::a_copy_is_restored_into(&file, &database).await,
        }
    }
    let (Some(one), Some(other)) = (OwnDatabase::new(), OwnDatabase::new()) else {
        return;
    };
    store_suite::what_was_being_tried_waits_in_a_copy(&one, &other).await;
}

struct SqliteFile(tempfile::TempDir);

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

#[tokio::test]
async fn a_living_instances_leases_are_left_to_it_when_another_starts() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let first = database.serve().await;
    let call = finished("a", &[], &["completed"]);
    first.finish_call(call).await.expect("finished");
    let held = claim(&first, "completed", 1).await;
    let second = database.serve().await;
    assert!(claim(&second, "completed", 1).await.is_empty());
    settle(&first, &held[0], Settled::Delivered)
        .await
        .expect("still its own");
}

#[tokio::test]
async fn of_many_that_start_at_once_one_makes_the_tables() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let opened = (0..8).map(|_| database.serve());
    let stores = futures_util::future::join_all(opened).await;
    for (n, store) in stores.iter().enumerate() {
        let n = n.to_string();
        store.put_leg(leg(&n, &n)).await.expect("stored");
    }
    assert_eq!(stores[0].load_legs().await.expect("legs").len(), 8);
}

#[tokio::test]
async fn a_call_that_many_finish_at_once_has_one_document() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let opened = (0..4).map(|_| database.serve());
    let stores = futures_util::future::join_all(opened).await;
    let finish = async |store: &Store, backwards: bool| {
        let mut calls: Vec<String> = (0..50).map(|n| format!("call-{n}")).collect();
        if backwards {
            calls.reverse();
        }
        let put = calls.iter().map(|call| store.put_leg(leg(call, call)));
        futures_util::future::join_all(put).await;
        let over = calls
            .iter()
            .map(|call| store.finish_call(finished(call, &[call], &["completed", "extra"])));
        let over = futures_util::future::join_all(over).await;
        over.into_iter()
            .flat_map(|new| new.expect("finished"))
            .filter(|new| *new)
            .count()
    };
    let finished = stores.iter().enumerate();
    let finished = finished.map(|(n, store)| finish(store, n % 2 == 1));
    let new: usize = futures_util::future::join_all(finished)
        .await
        .into_iter()
        .sum();
    assert_eq!(new, 100, "each document was new to one of them");
    assert_eq!(all(&stores[0]).await.len(), 100);
    assert!(stores[0].load_legs().await.expect("legs").is_empty());
}

#[tokio::test]
async fn everything_works_through_a_pooler_in_transaction_mode() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let server = postgres::shared().unwrap();
    // Fewer connections than clients: each transaction gets another one.
    let Some(pooler) = Pooler::start(server, 2) else {
        return;
    };
    let opened = (0..4).map(|_| Store::open(Options::new(pooler.url_of(&database.0), Role::Serve)));
    let stores: Vec<Store> = futures_util::future::join_all(opened)
        .await
        .into_iter()
        .map(|store| store.expect("opened"))
        .collect();
    let work = stores.iter().enumerate().map(|(n, store)| async move {
        for round in 0..20 {
            let call = format!("call-{n}-{round}");
            store.put_leg(leg(&call, &call)).await.expect("stored");
            let over = finished(&call, &[&call], &["completed"]);
            assert_eq!(store.finish_call(over).await.expect("finished"), [true]);
            for claimed in claim(store, "completed", 2).await {
                settle(store, &claimed, Settled::Delivered)
                    .await
                    .expect("settled");
            }
            assert!(!all(store).await.is_empty());
        }
    });
    futures_util::future::join_all(work).await;
    assert_eq!(all(&stores[0]).await.len(), 80);
}

async fn ill(store: &Store) -> String {
    let mut health = store.health();
    let health = health.wait_for(|health| !health.ok).await.expect("open");
    health.what.clone()
}

#[tokio::test]
async fn a_server_that_is_gone_is_said_and_the_store_recovers_by_itself() {
    let Some(server) = Server::own(&[]) else {
        return;
    };
    let database = server.database();
    let store = Store::open(Options::new(database.url(), Role::Serve))
        .await
        .expect("opened");
    store.put_leg(leg("a", "a")).await.expect("stored");
    server.stop(Stop::Immediate);
    let call = finished("a", &["a"], &["completed"]);
    let error = store.finish_call(call.clone()).await.expect_err("gone");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.is_recoverable());
    let what = ill(&store).await;
    assert!(
        what.contains("cannot be reached") && what.contains(&database.name),
        "{what}"
    );
    assert!(store.load_legs().await.is_err());
    server.start();
    store.recovered().await;
    assert_eq!(
        store.load_legs().await.expect("legs").len(),
        1,
        "as acknowledged"
    );
    assert_eq!(store.finish_call(call).await.expect("finished"), [true]);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_replaced() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let store = database.serve().await;
    for n in 0..5 {
        database.0.cut();
        let id = n.to_string();
        while let Err(error) = store.put_leg(leg(&id, &id)).await {
            assert!(error.is_recoverable(), "{error}");
            store.recovered().await;
        }
    }
    assert_eq!(store.load_legs().await.expect("legs").len(), 5);
}

#[tokio::test]
async fn an_instance_that_stands_still_in_a_transaction_holds_up_others_for_seconds_only() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let store = database.serve().await;
    // What an instance does, that then stands still.
    let mut other = database.0.connect().await;
    let beginning = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 300; LOCK TABLE leg";
    sqlx::raw_sql(beginning)
        .execute(&mut other)
        .await
        .expect("locked");
    store
        .put_leg(leg("a", "a"))
        .await
        .expect("stored once the server gave it up");
}

#[tokio::test]
async fn tables_of_a_newer_version_are_not_touched() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let error = Store::open(Options::new(database.0.url(), Role::Beside)).await;
    let error = error.expect_err("no tables yet");
    assert!(error.to_string().contains("switchhook serve"), "{error}");
    database.serve().await.close().await;
    database
        .0
        .run("INSERT INTO switchhook_migration VALUES (9999, '\\x00')");
    for role in [Role::Serve, Role::Beside] {
        let error = Store::open(Options::new(database.0.url(), role)).await;
        let error = error.expect_err("refused");
        assert!(matches!(error, StoreError::Schema { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_url_the_user_or_the_database_is_said_without_the_password() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let (host, port) = server.address();
    let missing = format!("postgres://switchhook:hunter2@{host}:{port}/nosuch");
    let nobody = format!("postgres://nobody:hunter2@{host}:{port}/postgres");
    let nowhere = format!("postgres://a:hunter2@127.0.0.1:{}/b", postgres::free_port());
    let wrong = "postgres://a:hunter2@b:notaport/c".to_owned();
    for (url, said) in [
        (missing, "refuses us"),
        (nobody, "refuses us"),
        (nowhere, "cannot be reached"),
        (wrong, "store url"),
    ] {
        let options = Options::new(&url, Role::Serve);
        assert!(!format!("{options:?}").contains("hunter2"));
        let error = Store::open(options).await.expect_err("refused");
        assert!(error.to_string().contains(said), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_full_queue_waits_and_is_written_once_the_server_is_back() {
    let Some(server) = Server::own(&[]) else {
        return;
    };
    let database = server.database();
    let store = Store::open(Options::new(database.url(), Role::Serve))
        .await
        .expect("opened");
    server.stop(Stop::Fast);
    let put = |n: usize| {
        let store = store.clone();
        async move {
            let id = n.to_string();
            while let Err(error) = store.put_leg(leg(&id, &id)).await {
                assert!(error.is_recoverable(), "{error}");
                tokio::time::timeout(Duration::from_secs(1), store.recovered())
                    .await
                    .ok();
            }
        }
    };
    let all = tokio::spawn(futures_util::future::join_all((0..3_000).map(put)));
    assert!(!ill(&store).await.is_empty());
    server.start();
    all.await.expect("all stored");
    assert_eq!(store.load_legs().await.expect("legs").len(), 3_000);
}
