//! Events of living calls: once, numbered, one after the other, not too late.

use std::sync::Arc;

use switchhook_store::{EventFilter, NewEvent, RequestContent, StoredEvent};

use super::*;

const WAIT: Duration = Duration::from_secs(2);
const EXPIRE: Duration = Duration::from_secs(300);

/// Returns an event whose body is its number.
pub(super) fn event(call: &str, fact: &str) -> NewEvent {
    NewEvent {
        switch: "pbx-1".into(),
        call_uuid: call.into(),
        created_us: 1_000_000,
        fact: fact.into(),
        instead_of: None,
        endpoint: "crm/events".into(),
        flow: "outbound".into(),
        account: "acme".into(),
        wait: WAIT,
        expire: EXPIRE,
        render: Arc::new(|sequence| RequestContent {
            body: sequence.to_string().into(),
            ..RequestContent::default()
        }),
    }
}

/// Claims everything that is due, and returns the bodies.
async fn due(store: &Store) -> Vec<ClaimedDocument> {
    let claim = ClaimRequest {
        endpoint: "crm/events".into(),
        limit: 100,
    };
    store.claim(vec![claim], LEASE).await.expect("claimed")
}

fn bodies(claimed: &[ClaimedDocument]) -> Vec<String> {
    let body = |one: &ClaimedDocument| String::from_utf8_lossy(&one.content.body).into_owned();
    claimed.iter().map(body).collect()
}

pub async fn an_event_is_stored_once_and_numbered_in_its_call(factory: &impl Factory) {
    let (store, other) = (
        serve(factory).await,
        factory.open(Role::Command, Clock::Database).await,
    );
    let mut numbers = Vec::new();
    for (store, call, fact) in [
        (&store, "a", "started"),
        (&other, "a", "started"),
        (&other, "a", "answered"),
        (&store, "b", "started"),
        (&store, "a", "ended"),
        (&other, "a", "ended"),
    ] {
        numbers.push(store.put_event(event(call, fact)).await.expect("stored"));
    }
    assert_eq!(numbers, [Some(1), None, Some(2), Some(1), Some(3), None]);
    let again = NewEvent {
        created_us: 2_000_000,
        ..event("a", "started")
    };
    let number = store.put_event(again).await.expect("stored");
    assert_eq!(number, Some(1), "the Unique-ID of another call");
    let rows = all(&store).await;
    let numbers: Vec<_> = rows.iter().map(|row| row.sequence).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(1), Some(3), Some(1)]);
}

pub async fn what_stands_for_a_gap_is_not_stored_if_another_saw_everything(factory: &impl Factory) {
    let store = serve(factory).await;
    store
        .put_event(event("a", "answered"))
        .await
        .expect("stored");
    let gap = |fact: &str, instead_of: &[&str]| NewEvent {
        instead_of: Some(instead_of.iter().map(|fact| (*fact).to_owned()).collect()),
        ..event("a", fact)
    };
    let gaps = [
        gap("resynced 1", &["answered"]),
        gap("resynced 2", &[]),
        gap("resynced 3", &["answered", "held"]),
    ];
    let mut numbers = Vec::new();
    for gap in gaps {
        numbers.push(store.put_event(gap).await.expect("stored"));
    }
    let alone = [Some(2), Some(3), Some(4)];
    let shared = [None, None, Some(2)];
    assert_eq!(numbers, if store.is_shared() { shared } else { alone });
}

pub async fn the_last_events_come_with_the_end_of_the_call(factory: &impl Factory) {
    let store = serve(factory).await;
    store
        .put_event(event("a", "started"))
        .await
        .expect("stored");
    let call = FinishedCallRecord {
        events: vec![event("a", "started"), event("a", "ended")],
        ..finished("a", &["a"], &["completed"])
    };
    store.finish_call(call).await.expect("finished");
    let rows = all(&store).await;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.endpoint.as_str(), row.sequence))
        .collect();
    assert_eq!(
        rows,
        [
            ("crm/events", Some(1)),
            ("completed", None),
            ("crm/events", Some(2))
        ]
    );
}

pub async fn an_event_waits_for_the_one_before_it_but_not_for_ever(factory: &impl Factory) {
    let store = factory
        .open(
            Role::Serve,
            Clock::tokio(Duration::from_secs(1_800_000_000)),
        )
        .await;
    for fact in ["1", "2", "3"] {
        store.put_event(event("a", fact)).await.expect("stored");
    }
    store.put_event(event("b", "1")).await.expect("stored");
    let first = due(&store).await;
    assert_eq!(bodies(&first), ["1", "1"], "the first of each call");
    assert!(due(&store).await.is_empty());
    settle(&store, &first[0], DeliveryOutcome::Delivered)
        .await
        .expect("settled");
    let second = due(&store).await;
    assert_eq!(bodies(&second), ["2"], "the one before it is delivered");
    settle(&store, &second[0], again(60))
        .await
        .expect("settled");
    assert!(
        due(&store).await.is_empty(),
        "the one before it is tried again"
    );
    tokio::time::sleep(WAIT).await;
    assert_eq!(bodies(&due(&store).await), ["3"], "it has waited its time");
}

pub async fn an_event_that_is_too_old_expires_and_can_be_sent_again(factory: &impl Factory) {
    let store = factory
        .open(
            Role::Serve,
            Clock::tokio(Duration::from_secs(1_800_000_000)),
        )
        .await;
    store.put_event(event("a", "1")).await.expect("stored");
    let claimed = due(&store).await;
    assert_eq!(claimed[0].expires_in, Some(EXPIRE));
    store.put_event(event("b", "1")).await.expect("stored");
    assert!(store.expire_events().await.expect("none").is_empty());
    tokio::time::sleep(EXPIRE).await;
    assert!(due(&store).await.is_empty(), "both are too old");
    let expired = store.expire_events().await.expect("expired");
    assert_eq!(
        expired,
        ["crm/events", "crm/events"],
        "one's lease had ended"
    );
    let rows = all(&store).await;
    assert!(rows.iter().all(|row| row.state == DocumentState::Expired));
    let stale = settle(&store, &claimed[0], DeliveryOutcome::Delivered).await;
    assert!(matches!(stale, Err(StoreError::StaleLease { .. })));
    let filter = DocumentFilter {
        states: vec![DocumentState::Expired],
        ..DocumentFilter::default()
    };
    assert_eq!(
        store
            .replay(filter, Duration::ZERO)
            .await
            .expect("replayed"),
        2
    );
    assert_eq!(bodies(&due(&store).await), ["1", "1"]);
}

pub async fn events_are_read_by_their_position_and_the_newest_first(factory: &impl Factory) {
    let store = serve(factory).await;
    assert_eq!(store.last_position().await.expect("none"), 0);
    for fact in ["started", "answered a 1", "ended"] {
        store.put_event(event("a", fact)).await.expect("stored");
    }
    store
        .finish_call(finished("b", &["b"], &["completed"]))
        .await
        .expect("finished");
    let after = |after: i64, known: Vec<i64>, limit| {
        let store = store.clone();
        async move {
            store
                .events_after(after, &known, limit)
                .await
                .expect("read")
        }
    };
    let all = after(0, Vec::new(), 10).await;
    let named: Vec<_> = all
        .iter()
        .map(|event| (event.sequence, &*event.event))
        .collect();
    assert_eq!(
        named,
        [(1, "started"), (2, "answered"), (3, "ended")],
        "no document"
    );
    assert_eq!(
        (&all[1].body[..], all[1].state),
        (&b"2"[..], DocumentState::Waiting)
    );
    let places: Vec<i64> = all.iter().map(|event| event.position).collect();
    let position = |events: Vec<StoredEvent>| -> Vec<i64> {
        events.into_iter().map(|event| event.position).collect()
    };
    assert_eq!(
        position(after(places[0], vec![places[1]], 10).await),
        places[2..]
    );
    assert_eq!(position(after(0, Vec::new(), 2).await), places[..2]);
    let newest = |flow: Option<&str>, before, limit| {
        let (store, flow) = (store.clone(), flow.map(str::to_owned));
        let filter = EventFilter {
            flow,
            from_ms: Some(0),
            before,
        };
        async move { store.newest_events(&filter, limit).await.expect("read") }
    };
    let back = [places[2], places[1]];
    assert_eq!(position(newest(Some("outbound"), None, 2).await), back);
    assert_eq!(
        position(newest(None, Some(places[1]), 9).await),
        places[..1]
    );
    assert!(newest(Some("inbound"), None, 9).await.is_empty());
    assert!(store.last_position().await.expect("read") >= places[2]);
}
