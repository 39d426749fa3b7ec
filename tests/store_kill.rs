//! A service that is killed at any point delivers, after its restart, the same
//! bytes under the same id. The service is this test binary, run once more, and
//! kills itself as `kill -9` would: no destructor, no flush.

mod store_suite;

use std::path::Path;
use std::process::Command;

use store_suite::{all, claim, finished, leg, settle};
use switchhook::store::{Options, Role, Settled, State, Store};

/// Where in a call's life the service dies.
const POINTS: [&str; 6] = [
    "after a leg",
    "while finishing",
    "after finishing",
    "while claimed",
    "after an attempt",
    "while settling",
];

const FOLDER: &str = "SWITCHHOOK_TEST_KILL_FOLDER";
const POINT: &str = "SWITCHHOOK_TEST_KILL_POINT";

async fn open(folder: &Path) -> Store {
    let url = format!("sqlite:{}", folder.join("store.db").display());
    Store::open(Options::new(url, Role::Serve))
        .await
        .expect("opened")
}

fn call() -> switchhook::store::FinishedCall {
    finished("a", &["a", "b"], &["completed"])
}

/// The service: goes through a call's life and dies at its point.
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
    tokio::spawn(async move { settle(&store, &claimed[0], Settled::Delivered).await });
    tokio::task::yield_now().await;
    std::process::abort();
}

/// Does nothing in a run of the tests; it is what the other test starts.
#[tokio::test]
async fn the_service_that_is_killed() {
    let (Ok(folder), Ok(point)) = (std::env::var(FOLDER), std::env::var(POINT)) else {
        return;
    };
    live_until(Path::new(&folder), &point).await;
}

fn run_and_kill(folder: &Path, point: &str) {
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "the_service_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(POINT, point)
        .output()
        .expect("started");
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
        // What died is not in the way, and what it stored is there.
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
        let delivered = documents[0].state == State::Delivered;
        assert_eq!(due.len(), usize::from(!delivered), "{point}: due at once");
    }
}
