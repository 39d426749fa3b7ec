//! What `switchhook events --follow` reads: each event once, also one that is committed late.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Executor as _;
use switchhook_service::event_feed::{EventChoice, EventFeed, newest};
use switchhook_store::{NewEvent, RequestContent, Role, Store, StoreOptions};

use test_support::postgres;

fn event(call: &str, fact: &str) -> NewEvent {
    NewEvent {
        account: String::new(),
        switch: "fs1".into(),
        call_uuid: call.into(),
        created_us: 1_000_000,
        fact: fact.into(),
        instead_of: None,
        endpoint: "crm/events".into(),
        flow: "outbound".into(),
        wait: Duration::from_secs(2),
        expire: Duration::from_secs(300),
        render: Arc::new(|_| RequestContent::of_body("{}")),
    }
}

async fn next(feed: &mut EventFeed) -> Vec<String> {
    let (events, _) = feed.next().await.unwrap();
    events.into_iter().map(|event| event.call_uuid).collect()
}

#[tokio::test]
async fn an_event_that_another_instance_commits_late_is_read_too_and_none_twice() {
    let Some(server) = postgres::shared() else {
        return;
    };
    let database = server.database();
    let options = StoreOptions::new(database.url(), Role::Serve);
    let store = Store::open(options).await.unwrap();
    store.put_event(event("before", "started")).await.unwrap();
    let mut feed = EventFeed::open(&store, EventChoice::default())
        .await
        .unwrap();
    let mut late = database.connect().await;
    let insert =
        "BEGIN; INSERT INTO document (webhook_id, kind, switch, call_uuid, created_us, flow,
            endpoint, state, due_ms, inserted_ms, headers, body, sequence, fact)
        VALUES ('msg_late', 'event', 'fs2', 'late', 1, 'outbound', 'crm/events', 'waiting', 0, 0,
            '[]', '', 1, 'started')";
    late.execute(insert).await.unwrap();
    store.put_event(event("after", "started")).await.unwrap();
    assert_eq!(next(&mut feed).await, ["after"]);
    late.execute("COMMIT").await.unwrap();
    assert_eq!(next(&mut feed).await, ["late"]);
    assert!(next(&mut feed).await.is_empty());
    store.close().await;
}

#[tokio::test]
async fn more_than_a_page_is_read_whole_and_in_the_order_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let store = Store::open(StoreOptions::new(url, Role::Serve))
        .await
        .unwrap();
    let calls: Vec<String> = (0..1_201).map(|call| format!("call-{call}")).collect();
    let put = |call: &String| {
        let event = event(call, "started");
        store.put_event(event)
    };
    futures_util::future::join_all(calls.iter().map(put)).await;
    let choice = EventChoice {
        from_ms: Some(0),
        ..EventChoice::default()
    };
    let mut feed = EventFeed::open(&store, choice.clone()).await.unwrap();
    let mut seen = Vec::new();
    for more in [true, true, false, false] {
        let (events, is_full) = feed.next().await.unwrap();
        assert_eq!(is_full, more);
        seen.extend(events);
    }
    assert!(seen.is_sorted_by_key(|event| event.position));
    let read: BTreeSet<&String> = seen.iter().map(|event| &event.call_uuid).collect();
    assert_eq!((seen.len(), read), (calls.len(), calls.iter().collect()));
    let last = newest(&store, &choice, 1_001).await.unwrap();
    assert_eq!(last, seen[200..], "several pages, the oldest first");
    store.close().await;
}
