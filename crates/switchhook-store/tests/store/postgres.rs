//! The PostgreSQL store passes the conformance suite, and works with several instances.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation fails the test with its text"
)]

use test_support::{lossy, postgres, store_suite};

use std::time::Duration;

use lossy::Lossy;
use postgres::{Database, Pooler, Server, Stop};
use store_suite::{Factory, LEASE, again, all, claim, finished, leg, settle, waiting};
use switchhook_store::{
    Clock, DeliveryOutcome, DocumentState, FinishedChannel, NewDocument, Role, Store, StoreError,
    StoreOptions, StoredLeg, new_id,
};

/// A database for one test.
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
        let options = StoreOptions {
            clock,
            ..StoreOptions::new(self.0.url(), role)
        };
        Store::open(options).await.expect("opened")
    }
}

test_support::conformance!(OwnDatabase::new());

#[tokio::test]
async fn a_copy_has_everything_and_fits_the_other_database() {
    let (Some(one), Some(other)) = (OwnDatabase::new(), OwnDatabase::new()) else {
        return;
    };
    store_suite::a_copy_is_restored_into(&one, &other).await;
    for to_file in [true, false] {
        let Some(database) = OwnDatabase::new() else {
            return;
        };
        let file = SqliteFile(tempfile::tempdir().unwrap());
        if to_file {
            store_suite::a_copy_is_restored_into(&database, &file).await;
        } else {
            store_suite::a_copy_is_restored_into(&file, &database).await;
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
        let options = StoreOptions {
            clock,
            ..StoreOptions::new(url, role)
        };
        Store::open(options).await.expect("opened")
    }
}

#[tokio::test]
async fn a_call_of_which_another_instance_finished_some_legs_is_refused_and_the_rest_is_stored() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let (first, second) = (database.serve().await, database.serve().await);
    let of = |call: &str, legs: &[&str]| {
        let mut call = finished(call, legs, &["completed"]);
        let channels = legs.iter().map(|uuid| FinishedChannel {
            uuid: (*uuid).to_owned(),
            created_us: Some(1),
        });
        call.channels = channels.collect();
        call
    };
    for uuid in ["a", "b", "c"] {
        let leg = leg(uuid, uuid);
        second.put_leg(leg).await.expect("stored");
    }
    let new = first.finish_call(of("b", &["b"])).await.expect("finished");
    assert_eq!(new, [true]);
    let refused = second.finish_call(of("a", &["a", "b", "c"])).await;
    let legs = match refused {
        Err(StoreError::InOtherDocuments(legs)) => legs,
        other => panic!("{other:?}"),
    };
    assert_eq!(legs, ["b"]);
    assert_eq!(
        second.load_legs().await.expect("legs").len(),
        2,
        "as before"
    );
    for (call, is_new) in [(of("a", &["a", "c"]), true), (of("a", &["a", "c"]), false)] {
        assert_eq!(second.finish_call(call).await.expect("finished"), [is_new]);
    }
    let of_all = second.finish_call(of("a", &["a", "b", "c"])).await;
    assert_eq!(of_all.expect("finished before"), [false]);
    assert!(second.load_legs().await.expect("legs").is_empty());
}

#[tokio::test]
async fn of_calls_that_end_at_once_those_that_another_instance_finished_are_told_apart() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let (first, second) = (database.serve().await, database.serve().await);
    let of = |call: &str, legs: &[&str]| {
        let mut call = finished(call, legs, &["completed"]);
        let channels = legs.iter().map(|uuid| store_suite::channel(uuid, Some(1)));
        call.channels = channels.collect();
        call
    };
    for elsewhere in [of("all", &["all", "all-2"]), of("some-2", &["some-2"])] {
        first.finish_call(elsewhere).await.expect("finished");
    }
    let calls = [
        of("a", &["a"]),
        of("some", &["some", "some-2"]),
        of("b", &["b"]),
        of("all", &["all", "all-2"]),
        of("c", &["c", "a"]),
        of("d", &["d"]),
    ];
    let legs = ["a", "b", "c", "d", "some", "all", "all-2"];
    let put = legs.map(|uuid| {
        let created_us = Some(2);
        second.put_leg(StoredLeg {
            created_us,
            ..leg("x", uuid)
        })
    });
    for stored in futures_util::future::join_all(put).await {
        stored.expect("stored");
    }
    let late = || {
        second.put_leg(StoredLeg {
            created_us: Some(1),
            ..leg("x", "d")
        })
    };
    let ends = calls.map(|call| second.finish_call(call));
    let (ended, late) = tokio::join!(futures_util::future::join_all(ends), late());
    late.expect("not stored, and no error");
    let ended: Vec<Result<bool, Vec<String>>> = ended
        .into_iter()
        .map(|one| match one {
            Ok(new) => Ok(new[0]),
            Err(StoreError::InOtherDocuments(legs)) => Err(legs),
            Err(other) => panic!("{other}"),
        })
        .collect();
    let in_other = |uuid: &str| Err(vec![uuid.to_owned()]);
    let [a, some, b, all_of_it, c, d] = ended.try_into().expect("six");
    assert_eq!((a, b, d), (Ok(true), Ok(true), Ok(true)));
    assert_eq!((some, all_of_it), (in_other("some-2"), Ok(false)));
    assert_eq!(c, in_other("a"), "in a document of the same batch");
    let legs = second.load_legs().await.expect("legs");
    let legs: Vec<_> = legs.iter().map(|leg| leg.leg_uuid.as_str()).collect();
    assert_eq!(legs, ["c", "some"], "those of the refused calls");
    let rest = second.finish_call(of("some", &["some"])).await;
    assert_eq!(
        rest.expect("finished"),
        [true],
        "nothing of it was remembered"
    );
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
    settle(&first, &held[0], DeliveryOutcome::Delivered)
        .await
        .expect("still its own");
}

#[tokio::test]
async fn a_successor_at_the_same_place_frees_what_the_dead_had_leased_and_nothing_else() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let open_as = async |instance_id: &str| {
        let options = StoreOptions {
            instance_id: Some(instance_id.into()),
            ..StoreOptions::new(database.0.url(), Role::Serve)
        };
        Store::open(options).await.expect("opened")
    };
    let (dead, living) = (open_as("here").await, open_as("there").await);
    for call in ["a", "b", "c"] {
        let call = finished(call, &[], &["completed"]);
        dead.finish_call(call).await.expect("finished");
    }
    let of_dead = claim(&dead, "completed", 1).await;
    let of_living = claim(&living, "completed", 1).await;
    for call in ["x", "y"] {
        dead.finish_call(waiting(call)).await.expect("finished");
    }
    for (store, call) in [(&dead, "x"), (&living, "y")] {
        let leased = store.claim_unpublished(1, LEASE).await.expect("claimed");
        assert_eq!(leased[0].call_uuid, call);
    }
    let somewhere = database.serve().await;
    let of_nobody = claim(&somewhere, "completed", 1).await;
    let successor = open_as("here").await;
    let freed = claim(&successor, "completed", 10).await;
    let ids = |of: &[switchhook_store::ClaimedDocument]| -> Vec<_> {
        of.iter()
            .map(|one| (one.webhook_id.clone(), one.attempt))
            .collect()
    };
    assert_eq!(ids(&freed), [(of_dead[0].webhook_id.clone(), 2)]);
    let waits = successor.claim_unpublished(10, LEASE).await;
    let waits = waits.expect("claimed").into_iter();
    let waits: Vec<String> = waits.map(|call| call.call_uuid).collect();
    assert_eq!(waits, ["x"]);
    let late = settle(&dead, &of_dead[0], DeliveryOutcome::Delivered).await;
    assert!(matches!(late, Err(StoreError::StaleLease { .. })));
    for (store, claimed) in [(&living, of_living), (&somewhere, of_nobody)] {
        let settled = settle(store, &claimed[0], DeliveryOutcome::Delivered).await;
        settled.expect("still held");
    }
}

/// Opens a store behind a proxy that can lose the answer to a commit.
async fn open_behind_proxy(database: &OwnDatabase) -> (Lossy, Store) {
    let server = postgres::shared().expect("a server").address();
    let lossy = Lossy::before(server).await;
    let options = StoreOptions::new(lossy.url_of(&database.0.name), Role::Serve);
    let store = Store::open(options).await.expect("opened");
    (lossy, store)
}

/// Runs a write whose answer to the commit is lost, and waits until the store has recovered.
async fn lose_answer<T: std::fmt::Debug>(
    (lossy, store): (&Lossy, &Store),
    write: impl Future<Output = Result<T, StoreError>>,
) {
    lossy.lose_an_answer();
    let error = write.await.expect_err("no answer");
    assert!(lossy.has_lost() && error.is_recoverable(), "{error}");
    let mut health = store.health();
    drop(health.wait_for(|health| !health.ok).await);
    store.recovered().await;
}

#[tokio::test]
async fn what_is_stored_again_since_the_answer_was_lost_is_stored_once() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let (lossy, store) = open_behind_proxy(&database).await;
    let request = NewDocument::document("lookup", "inbound", "a", "x=1");
    let id = new_id();
    let put = || store.put_request(&id, request.clone());
    lose_answer((&lossy, &store), put()).await;
    assert!(!put().await.expect("stored"), "it was stored before");
    let call = finished("a", &[], &["completed"]);
    lose_answer((&lossy, &store), store.finish_call(call.clone())).await;
    assert_eq!(store.finish_call(call).await.expect("finished"), [false]);
    assert_eq!(all(&store).await.len(), 2);
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_is_free_for_the_next_claim() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let (lossy, store) = open_behind_proxy(&database).await;
    let other = database.serve().await;
    for call in ["a", "b"] {
        let call = finished(call, &[], &["completed"]);
        store.finish_call(call).await.expect("finished");
    }
    let of_other = claim(&other, "completed", 1).await;
    let want = || {
        let want = switchhook_store::ClaimRequest {
            endpoint: "completed".into(),
            limit: 10,
        };
        store.claim(vec![want], store_suite::LEASE)
    };
    lose_answer((&lossy, &store), want()).await;
    let leased = all(&store).await;
    assert!(leased.iter().all(|row| row.state == DocumentState::Leased));
    let claimed = want().await.expect("claimed");
    assert_eq!(claimed.len(), 1, "the other's is the other's");
    assert_eq!(claimed[0].attempt, 1, "none was begun before");
    for (store, claimed) in [(&store, &claimed), (&other, &of_other)] {
        settle(store, &claimed[0], again(0)).await.expect("held");
    }
}

#[tokio::test]
async fn of_legs_that_are_stored_at_once_each_channel_keeps_what_is_known_best() {
    let Some(database) = OwnDatabase::new() else {
        return;
    };
    let store = database.serve().await;
    let put = |(uuid, created_us, known, json): (&str, i64, i64, &str)| {
        store.put_leg(StoredLeg {
            created_us: Some(created_us),
            known,
            json: json.into(),
            ..leg("call", uuid)
        })
    };
    // While the first write makes its round trip, the others gather into one transaction.
    let legs = [
        ("a", 1, 1, "a1"),
        ("a", 1, 5, "a5"),
        ("a", 1, 3, "a3"),
        ("b", 1, 7, "b of before"),
        ("b", 2, 1, "b1"),
        ("c", 1, 1, "c1"),
    ];
    let stored = futures_util::future::join_all(legs.map(put)).await;
    stored.into_iter().for_each(|one| one.expect("stored"));
    let legs = store.load_legs().await.expect("legs");
    let legs: Vec<_> = legs.iter().map(|leg| leg.json.as_str()).collect();
    assert_eq!(legs, ["a5", "b1", "c1"]);
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
    // With fewer connections than clients, each transaction gets another one.
    let Some(pooler) = Pooler::start(server, 2) else {
        return;
    };
    let opened =
        (0..4).map(|_| Store::open(StoreOptions::new(pooler.url_of(&database.0), Role::Serve)));
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
                settle(store, &claimed, DeliveryOutcome::Delivered)
                    .await
                    .expect("settled");
            }
            assert!(!all(store).await.is_empty());
        }
    });
    futures_util::future::join_all(work).await;
    assert_eq!(all(&stores[0]).await.len(), 80);
}

async fn unhealthy(store: &Store) -> String {
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
    let store = Store::open(StoreOptions::new(database.url(), Role::Serve))
        .await
        .expect("opened");
    store.put_leg(leg("a", "a")).await.expect("stored");
    server.stop(Stop::Immediate);
    let call = finished("a", &["a"], &["completed"]);
    let error = store.finish_call(call.clone()).await.expect_err("gone");
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.is_recoverable());
    let what = unhealthy(&store).await;
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
async fn a_service_opens_its_store_while_the_server_is_away_and_writes_once_it_is_there() {
    let Some(server) = Server::own(&[]) else {
        return;
    };
    let database = server.database();
    server.stop(Stop::Fast);
    let options = |role| StoreOptions::new(database.url(), role);
    let beside = Store::open(options(Role::Command)).await;
    assert!(matches!(beside, Err(StoreError::Unreachable { .. })));
    let store = Store::open(options(Role::Serve)).await.expect("opened");
    assert!(unhealthy(&store).await.contains("cannot be reached"));
    let written = store.put_leg(leg("a", "a")).await.expect_err("away");
    let read = store.load_legs().await.expect_err("away");
    assert!(written.is_recoverable() && read.is_recoverable());
    server.start();
    store.recovered().await;
    store.put_leg(leg("a", "a")).await.expect("stored");
    assert_eq!(store.load_legs().await.expect("legs").len(), 1);
}

#[tokio::test]
async fn a_server_that_comes_late_and_does_not_fit_is_reported_and_tried_again() {
    let Some(server) = Server::own(&[]) else {
        return;
    };
    let database = server.database();
    let options = || StoreOptions::new(database.url(), Role::Serve);
    Store::open(options()).await.expect("opened").close().await;
    database.run("INSERT INTO switchhook_migration VALUES (9999, '\\x00')");
    server.stop(Stop::Fast);
    let store = Store::open(options()).await.expect("opened");
    server.start();
    let mut health = store.health();
    let refused = health.wait_for(|health| health.what.contains("other tables than this version"));
    drop(refused.await.expect("open"));
    let refused = store.put_leg(leg("a", "a")).await.expect_err("not yet");
    assert!(refused.is_recoverable(), "{refused}");
    database.run("DELETE FROM switchhook_migration WHERE version = 9999");
    store.recovered().await;
    store.put_leg(leg("a", "a")).await.expect("stored");
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
    // Another instance hangs in a transaction.
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
    let error = Store::open(StoreOptions::new(database.0.url(), Role::Command)).await;
    let error = error.expect_err("no tables yet");
    assert!(error.to_string().contains("switchhook serve"), "{error}");
    database.serve().await.close().await;
    database
        .0
        .run("INSERT INTO switchhook_migration VALUES (9999, '\\x00')");
    for role in [Role::Serve, Role::Command] {
        let error = Store::open(StoreOptions::new(database.0.url(), role)).await;
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
    for (url, role, expected) in [
        (missing, Role::Serve, "refuses us"),
        (nobody, Role::Serve, "refuses us"),
        (nowhere, Role::Command, "cannot be reached"),
        (wrong, Role::Serve, "store url"),
    ] {
        let options = StoreOptions::new(&url, role);
        assert!(!format!("{options:?}").contains("hunter2"));
        let error = Store::open(options).await.expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
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
    let store = Store::open(StoreOptions::new(database.url(), Role::Serve))
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
    assert!(!unhealthy(&store).await.is_empty());
    server.start();
    all.await.expect("all stored");
    assert_eq!(store.load_legs().await.expect("legs").len(), 3_000);
}
