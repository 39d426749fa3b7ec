//! A service that is killed at any point delivers the same bytes under the same id after its
//! restart. The service is this test binary, started again; it aborts, so that no destructor runs
//! and nothing is flushed.

#![allow(
    clippy::expect_used,
    reason = "a failed expectation fails the test with its text"
)]

use test_support::store_suite;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use store_suite::{all, claim, finished, leg, settle};
use switchhook_store::{DeliveryOutcome, DocumentState, Role, Store, StoreOptions};

/// The points in a call's life where the service dies.
const POINTS: [&str; 6] = [
    "after a leg",
    "while finishing",
    "after finishing",
    "while claimed",
    "after an attempt",
    "while settling",
];

/// Instead of a point: a busy service that is killed from outside.
const BUSY: &str = "at any moment";

/// Precedes each call in the output of the busy service once it is stored.
const STORED: &str = "stored: ";

const FOLDER: &str = "SWITCHHOOK_TEST_KILL_FOLDER";
const POINT: &str = "SWITCHHOOK_TEST_KILL_POINT";

async fn open(folder: &Path) -> Store {
    let url = format!("sqlite:{}", folder.join("store.db").display());
    Store::open(StoreOptions::new(url, Role::Serve))
        .await
        .expect("opened")
}

fn call() -> switchhook_store::FinishedCallRecord {
    finished("a", &["a", "b"], &["completed"])
}

/// Runs the service: it goes through a call's life and dies at its point.
async fn live_until(folder: &Path, point: &str) {
    let die_at = |here: &str| {
        if here == point {
            std::process::abort();
        }
    };
    let store = open(folder).await;
    for id in ["a", "b"] {
        store.put_leg(leg("a", id)).await.expect("stored");
    }
    die_at("after a leg");
    if point == "while finishing" {
        let store = store.clone();
        tokio::spawn(async move { store.finish_call(call()).await });
        tokio::task::yield_now().await;
        std::process::abort();
    }
    store.finish_call(call()).await.expect("finished");
    die_at("after finishing");
    let claimed = claim(&store, "completed", 1).await;
    std::fs::write(folder.join("sent"), &claimed[0].webhook_id).expect("noted");
    die_at("while claimed");
    settle(&store, &claimed[0], store_suite::again(0))
        .await
        .expect("settled");
    die_at("after an attempt");
    let claimed = claim(&store, "completed", 1).await;
    tokio::spawn(async move { settle(&store, &claimed[0], DeliveryOutcome::Delivered).await });
    tokio::task::yield_now().await;
    std::process::abort();
}

/// Runs the busy service: it finishes calls, twenty at a time, and prints each once it is stored,
/// until it is killed.
async fn finish_calls_for_ever(folder: &Path) {
    let store = open(folder).await;
    let run = uuid::Uuid::new_v4();
    let workers = (0..20).map(|worker| {
        let store = &store;
        async move {
            for n in 0.. {
                let call = format!("{run}-{worker}-{n}");
                store.put_leg(leg(&call, &call)).await.expect("stored");
                let over = finished(&call, &[&call], &["completed"]);
                store.finish_call(over).await.expect("finished");
                println!("{STORED}{call}");
            }
        }
    });
    futures_util::future::join_all(workers).await;
}

/// The other tests start this one as the service. In a normal test run it does nothing.
#[tokio::test]
async fn the_service_that_is_killed() {
    let (Ok(folder), Ok(point)) = (std::env::var(FOLDER), std::env::var(POINT)) else {
        return;
    };
    match point.as_str() {
        BUSY => finish_calls_for_ever(Path::new(&folder)).await,
        point => live_until(Path::new(&folder), point).await,
    }
}

fn service(folder: &Path, point: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "kill::the_service_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(POINT, point);
    command
}

/// Kills the busy service once it has stored `calls` calls; returns the calls that it printed.
fn stored_before_the_kill(folder: &Path, calls: usize) -> Vec<String> {
    let mut child = service(folder, BUSY)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut stored = Vec::new();
    for line in output.lines() {
        let line = line.expect("text");
        stored.extend(line.split_once(STORED).map(|(_, call)| call.to_owned()));
        if stored.len() == calls {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("dead");
    stored
}

fn run_and_kill(folder: &Path, point: &str) {
    let output = service(folder, point).output().expect("started");
    assert_eq!(
        output.status.code(),
        None,
        "it died of a signal: {output:?}"
    );
}

#[tokio::test]
async fn a_service_killed_anywhere_still_delivers_the_same_document() {
    for point in POINTS {
        let folder = tempfile::tempdir().expect("a folder");
        run_and_kill(folder.path(), point);
        // The dead service's lock is free, and what it stored is there.
        let store = open(folder.path()).await;
        let legs = store.load_legs().await.expect("legs");
        if !legs.is_empty() {
            assert_eq!(legs.len(), 2, "{point}");
            assert!(
                all(&store).await.is_empty(),
                "{point}: legs or a document, never both"
            );
            store
                .finish_call(call())
                .await
                .expect("finished after the restart");
        }
        let documents = all(&store).await;
        assert_eq!(documents.len(), 1, "{point}");
        let detail = store
            .document(&documents[0].webhook_id)
            .await
            .expect("there");
        assert_eq!(detail.content, call().documents[0].content, "{point}");
        if let Ok(sent) = std::fs::read_to_string(folder.path().join("sent")) {
            assert_eq!(sent, documents[0].webhook_id, "{point}: the same id");
        }
        let due = claim(&store, "completed", 1).await;
        let delivered = documents[0].state == DocumentState::Delivered;
        assert_eq!(due.len(), usize::from(!delivered), "{point}: due at once");
    }
}

#[tokio::test]
async fn whatever_was_acknowledged_before_a_kill_is_there_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stored = Vec::new();
    for round in 0..10 {
        stored.extend(stored_before_the_kill(folder.path(), 10 + 37 * round));
    }
    let store = open(folder.path()).await;
    let rows = all(&store).await;
    let there: HashSet<_> = rows.iter().map(|row| row.call_uuid.as_str()).collect();
    assert!(stored.iter().all(|call| there.contains(call.as_str())));
    assert_eq!(there.len(), rows.len(), "each once");
    let ids: HashSet<_> = rows.iter().map(|row| &row.webhook_id).collect();
    assert_eq!(ids.len(), rows.len());
    let legs = store.load_legs().await.expect("legs");
    assert!(
        legs.iter().all(|leg| !there.contains(leg.call_id.as_str())),
        "legs or a document"
    );
}
