//! A service that starts while its PostgreSQL server is unreachable.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use switchhook_sim::switch::{Call, Pace, Switch};

use crate::follow::anew::anew;
use crate::follow::events::bodies;
use crate::follow::golden;
use crate::follow::inbox::Inbox;
use crate::follow::link::ids;
use crate::follow::port8021::Port8021;
use crate::follow::postgres::{Server, Stop};
use crate::follow::settings;
use crate::follow::stage::{start, until};

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_served_before_the_database_is_there_and_their_documents_come_when_it_is() {
    let Some(server) = Server::own(&[]) else {
        return;
    };
    let database = server.database();
    server.stop(Stop::Fast);
    let (folder, inbox) = (tempfile::tempdir().unwrap(), Inbox::start().await);
    let switch = Switch::new("fs1", Pace::Wire);
    let free = ([127, 0, 0, 1], 0).into();
    let port = switch.listen(free, "ClueCon").await.unwrap();
    let file = format!("sqlite:{}", folder.path().join("store.db").display());
    let text = settings::all_to(folder.path(), port.address(), inbox.address)
        .replace(&file, &database.url());
    let lookup = format!("[webhooks.lookup]\nurl = \"{}\"\n", inbox.url("lookup"));
    let followed = switch.followed_by(1);
    let service = start(&(text + &lookup)).await;
    let (status, store) = until(&service, "store", false).await;
    assert_eq!(status, 503);
    let detail = store["detail"].as_str().unwrap();
    assert!(detail.contains("cannot be reached"), "{detail}");
    followed.await;
    let calls = (0..5).map(|_| {
        switch.place(Call {
            hosts: vec![service.esl.to_string()],
            talks: Duration::from_millis(20),
            ..Call::default()
        })
    });
    let calls = join_all(calls).await;
    assert!(calls.iter().all(|call| call.line == Some(0)), "{calls:?}");
    server.start();
    let documents = |posts: &[crate::follow::inbox::Post]| {
        let documents = posts.iter().filter(|post| post.path == "/completed");
        documents.map(|post| post.json()).collect::<Vec<_>>()
    };
    let posts = inbox.wait_for(|posts| documents(posts).len() >= calls.len());
    let posted = documents(&posts.await);
    let of = |document: &serde_json::Value| document["phonon-uuid"].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = posted.iter().map(of).collect();
    assert_eq!(ids, calls.into_iter().map(|call| call.uuid).collect());
    for document in &posted {
        assert_eq!(document.get("incomplete"), None, "{document:#}");
    }
    assert_eq!(until(&service, "store", true).await.0, 200);
    service.stop().await;
}

#[tokio::test]
async fn a_call_that_a_predecessor_stored_is_taken_up_once_the_database_is_there() {
    const CALL: &str = "inbound-caller-hangs-up";
    let Some(server) = Server::own(&[]) else {
        return;
    };
    let database = server.database();
    let (folder, inbox) = (tempfile::tempdir().unwrap(), Inbox::start().await);
    let switch = Port8021::start().await;
    let file = format!("sqlite:{}", folder.path().join("store.db").display());
    let text = settings::all_to(folder.path(), switch.address, inbox.address)
        .replace(&file, &database.url());
    let first = start(&text).await;
    switch.followed(1).await;
    let (events, new) = anew(&bodies(CALL));
    let hangup = events
        .iter()
        .position(|body| body.contains("CHANNEL_HANGUP"));
    let (before, after) = events.split_at(hangup.unwrap());
    switch.play(before);
    first.stop().await;
    server.stop(Stop::Fast);
    switch.alive(&[&crate::follow::link::uuid(&events[0])]);
    let second = start(&text).await;
    switch.followed(2).await;
    switch.play(after);
    until(&second, "store", false).await;
    server.start();
    let posts = inbox.wait(1).await;
    assert_eq!(ids(&posts).len(), 1);
    let expected = crate::follow::anew::renewed(&golden::text(CALL), &new);
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(serde_json::json!([posts[0].json()]), expected);
    second.stop().await;
}
