//! A store that is slow or fails: events wait, none is lost, and `/readyz` says why.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::follow::anew::anew;
use crate::follow::events::{bodies, names};
use crate::follow::golden;
use crate::follow::link::{Alone, ids, uuid};
use crate::follow::stage::{Stage, check, until};

const CALL: &str = "inbound-caller-hangs-up";

/// Another program that has the store open.
async fn other(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("store.db"));
    options.connect().await.unwrap()
}

#[tokio::test]
async fn while_the_store_is_locked_events_wait_and_then_all_is_posted() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings("")).await;
    let mut lock = other(stage.folder.path()).await;
    lock.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut golden = 0;
    // More than the queue between the ledger and the store holds.
    for _ in 0..4 {
        for name in names() {
            stage.switch.play(&anew(&bodies(&name)).0);
            golden += golden::documents(&name).len();
        }
    }
    let (status, store) = until(&service, "store", false).await;
    assert_eq!(status, 503);
    assert!(store["detail"].as_str().unwrap().contains("locked"));
    assert_eq!(stage.inbox.posts().len(), 0);
    lock.execute("ROLLBACK").await.unwrap();
    let posts = stage.inbox.wait(golden).await;
    assert_eq!(ids(&posts).len(), golden);
    let incomplete = posts
        .iter()
        .filter(|post| post.json()["incomplete"] == true);
    assert_eq!(incomplete.count(), 0);
    let (status, _) = until(&service, "store", true).await;
    assert_eq!(status, 200);
    assert_eq!(stage.switch.times(), 1, "the switch was kept");
    service.stop().await;
}

/// Returns the events of several calls of one leg: first all before HANGUP_COMPLETE, then those.
fn in_two_waves(calls: usize) -> [Vec<String>; 2] {
    let call = bodies(CALL);
    let old = uuid(&call[0]);
    let named = |name: &str| {
        let event = format!("\"Event-Name\":\"{name}\"");
        call.iter().find(|body| body.contains(&event)).unwrap()
    };
    let [created, hangup, complete] = [
        "CHANNEL_CREATE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
    ]
    .map(named);
    let mut waves = [Vec::new(), Vec::new()];
    for _ in 0..calls {
        let new = uuid::Uuid::new_v4().to_string();
        waves[0].push(created.replace(&old, &new));
        waves[0].push(hangup.replace(&old, &new));
        waves[1].push(complete.replace(&old, &new));
    }
    waves
}

#[tokio::test]
async fn what_waits_to_be_read_is_not_given_up_as_missing() {
    const CALLS: usize = 1_000;
    let stage = Stage::new().await;
    let more = "[limits]\ndetails_deadline = \"2s\"";
    let service = stage.serve(&stage.settings(more)).await;
    let mut lock = other(stage.folder.path()).await;
    lock.execute("BEGIN IMMEDIATE").await.unwrap();
    let [first, second] = in_two_waves(CALLS);
    stage.switch.play(&first);
    stage.switch.play(&second);
    // Longer than a call waits for its details.
    until(&service, "store", false).await;
    lock.execute("ROLLBACK").await.unwrap();
    let posts = stage.inbox.wait(CALLS).await;
    let incomplete = posts
        .iter()
        .filter(|post| post.json()["incomplete"] == true);
    assert_eq!(incomplete.count(), 0);
    service.stop().await;
}

#[tokio::test]
async fn a_switch_that_was_not_listened_to_for_long_is_not_taken_for_silent() {
    const LEGS: usize = 1_500;
    let alone = Alone::new(Duration::from_millis(10)).await;
    let mut lock = other(alone.folder.path()).await;
    lock.execute("BEGIN IMMEDIATE").await.unwrap();
    let [events, _] = in_two_waves(LEGS);
    alone.switch.play(&events);
    let mut store = alone.store.health();
    store.wait_for(|health| !health.ok).await.unwrap();
    // One minute of the paused clock, which advances while every task waits for the store.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(60)).await;
    tokio::time::resume();
    lock.execute("ROLLBACK").await.unwrap();
    while alone.store.load_legs().await.unwrap().len() < LEGS {
        assert_eq!(alone.switch.times(), 1, "the switch was kept");
        tokio::task::yield_now().await;
    }
    alone.stop().await;
}

#[tokio::test]
async fn one_leg_that_the_store_refuses_holds_up_no_other() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings("")).await;
    let refused = anew(&bodies(CALL)).0;
    let mut other = other(stage.folder.path()).await;
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON leg WHEN NEW.leg_uuid = '{}'
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        uuid(&refused[0])
    );
    other.execute(sqlx::AssertSqlSafe(refuse)).await.unwrap();
    stage.switch.play(&refused);
    stage.switch.play(&bodies("inbound-switch-hangs-up"));
    let golden = &golden::documents("inbound-switch-hangs-up")[0];
    let posts = stage.inbox.wait(2).await;
    assert!(posts.iter().any(|post| post.json() == *golden));
    // Only the leg was refused; its call is finished in any case.
    assert!(
        posts
            .iter()
            .all(|post| post.json().get("incomplete").is_none())
    );
    let (status, _) = check(&service, "store").await;
    assert_eq!(status, 200);
    service.stop().await;
}
