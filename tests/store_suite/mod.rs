//! What every driver of the store must do. Written once, over a factory; a
//! driver's test file names itself with `conformance!`.

#![allow(dead_code, reason = "each test file uses a part")]

use std::time::Duration;

use switchhook::store::{
    CallSummary, Claimed, Clock, Filter, FinishedCall, KeptResponse, NewDocument, Report, Role,
    Settled, State, Store, StoreError, StoredLeg, Want,
};

/// Makes stores that share one database.
pub trait Factory: Send + Sync {
    /// Another handle on it, as another process would have.
    fn open(&self, role: Role, clock: Clock) -> impl Future<Output = Store> + Send;
}

pub const LEASE: Duration = Duration::from_secs(90);

pub fn leg(call: &str, leg: &str) -> StoredLeg {
    StoredLeg {
        switch: "pbx-1".into(),
        call_id: call.into(),
        leg_uuid: leg.into(),
        json: format!("{{\"leg\":\"{leg}\"}}"),
    }
}

/// A call with a document for each of `webhooks`.
pub fn finished(call: &str, legs: &[&str], webhooks: &[&str]) -> FinishedCall {
    let body = |webhook: &&str| format!("{{\"call\":\"{call}\",\"for\":\"{webhook}\"}}");
    FinishedCall {
        switch: "pbx-1".into(),
        call_uuid: call.into(),
        legs: legs.iter().map(|leg| (*leg).to_owned()).collect(),
        documents: webhooks
            .iter()
            .map(|webhook| NewDocument::document(webhook, "outbound", call, body(webhook)))
            .collect(),
        summary: Some(summary("outbound", 1_000)),
    }
}

pub fn summary(flow: &str, started_ms: i64) -> CallSummary {
    CallSummary {
        flow: flow.into(),
        started_ms,
        answered_ms: Some(started_ms + 500),
        ended_ms: started_ms + 2_500,
        talk_ms: 2_000,
        caller: "+4930123".into(),
        called: "7000".into(),
        legs: 2,
        hangup_cause: "NORMAL_CLEARING".into(),
        incomplete: false,
    }
}

pub async fn claim(store: &Store, endpoint: &str, limit: u32) -> Vec<Claimed> {
    let want = Want {
        endpoint: endpoint.into(),
        limit,
    };
    store.claim(vec![want], LEASE).await.expect("claim")
}

pub async fn all(store: &Store) -> Vec<switchhook::store::DocumentRow> {
    store
        .documents(&Filter::default(), 10_000)
        .await
        .expect("list")
}

pub async fn settle(store: &Store, claimed: &Claimed, settled: Settled) -> Result<(), StoreError> {
    let report = Report {
        took: Duration::from_millis(20),
        status: Some(if settled == Settled::Delivered {
            200
        } else {
            500
        }),
        error: None,
    };
    store.settle(claimed.lease.clone(), settled, report).await
}

pub fn again(wait_s: u64) -> Settled {
    Settled::Again {
        wait: Duration::from_secs(wait_s),
        not_before: Duration::ZERO,
    }
}

async fn serve(factory: &impl Factory) -> Store {
    factory.open(Role::Serve, Clock::Database).await
}

pub async fn legs_are_stored_updated_and_loaded_after_a_restart(factory: &impl Factory) {
    let store = serve(factory).await;
    for (call, id) in [("call-1", "a"), ("call-1", "b"), ("call-2", "c")] {
        store.put_leg(leg(call, id)).await.expect("stored");
    }
    store.put_leg(leg("call-1", "c")).await.expect("joined");
    store.close().await;
    let legs = serve(factory).await.load_legs().await.expect("loaded");
    let found: Vec<_> = legs
        .iter()
        .map(|l| (l.call_id.as_str(), l.leg_uuid.as_str()))
        .collect();
    assert_eq!(found, [("call-1", "a"), ("call-1", "b"), ("call-1", "c")]);
    assert_eq!(legs[0].json, r#"{"leg":"a"}"#);
}

pub async fn a_finished_call_swaps_its_legs_for_its_documents(factory: &impl Factory) {
    let store = serve(factory).await;
    for id in ["a", "b", "other"] {
        store.put_leg(leg("call-1", id)).await.expect("stored");
    }
    let call = finished("a", &["a", "b"], &["completed", "extra"]);
    let new = store.finish_call(call.clone()).await.expect("finished");
    assert_eq!(new, [true, true]);
    let legs = store.load_legs().await.expect("legs");
    assert_eq!(legs.len(), 1, "the leg of another call stays");
    let documents = all(&store).await;
    let to: Vec<_> = documents.iter().map(|d| d.endpoint.as_str()).collect();
    assert_eq!(to, ["completed", "extra"]);
    assert!(
        documents
            .iter()
            .all(|d| d.state == State::Waiting && d.attempts == 0)
    );
}

pub async fn a_call_that_is_finished_twice_keeps_its_first_document(factory: &impl Factory) {
    let store = serve(factory).await;
    let call = finished("a", &["a"], &["completed"]);
    store.finish_call(call.clone()).await.expect("finished");
    let first = all(&store).await;
    let mut other = finished("a", &["a"], &["completed", "extra"]);
    other.documents[0].content.body = "another".into();
    let new = store.finish_call(other).await.expect("finished again");
    assert_eq!(new, [false, true]);
    let detail = store.document(&first[0].webhook_id).await.expect("there");
    assert_eq!(detail.content.body, call.documents[0].content.body);
}

pub async fn a_widgets_requests_are_all_kept_with_their_own_content(factory: &impl Factory) {
    let store = serve(factory).await;
    let mut request = NewDocument::document("lookup", "inbound", "a", &b"x\0\xff"[..]);
    request.content.method = Some("PUT".into());
    request.content.url = Some("https://crm.example/a?b=c".into());
    request.content.headers = vec![("X-Lead".into(), "7".into())];
    let first = store.put_request(request.clone()).await.expect("stored");
    let second = store.put_request(request.clone()).await.expect("stored");
    assert_ne!(first, second);
    let claimed = claim(&store, "lookup", 10).await;
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().all(|c| c.content == request.content));
}

pub async fn every_attempt_has_the_same_id_and_bytes(factory: &impl Factory) {
    let store = serve(factory).await;
    let call = finished("a", &["a"], &["completed"]);
    store.finish_call(call).await.expect("finished");
    let mut seen = Vec::new();
    for attempt in 1..=3 {
        let claimed = claim(&store, "completed", 10).await;
        assert_eq!(claimed[0].attempt, attempt);
        seen.push((claimed[0].webhook_id.clone(), claimed[0].content.clone()));
        settle(&store, &claimed[0], again(0))
            .await
            .expect("settled");
    }
    assert!(seen.iter().all(|one| *one == seen[0]));
    assert!(seen[0].0.starts_with("msg_"));
}

pub async fn two_claimers_never_get_the_same_document(factory: &impl Factory) {
    let store = serve(factory).await;
    let beside = factory.open(Role::Beside, Clock::Database).await;
    for n in 0..60 {
        let call = finished(&format!("call-{n}"), &[], &["completed"]);
        store.finish_call(call).await.expect("finished");
    }
    let take = async |store: &Store| {
        let mut taken = Vec::new();
        loop {
            let claimed = claim(store, "completed", 3).await;
            if claimed.is_empty() {
                return taken;
            }
            taken.extend(claimed.into_iter().map(|c| c.webhook_id));
        }
    };
    let (one, two, three) = tokio::join!(take(&store), take(&beside), take(&store));
    let mut taken = [one, two, three].concat();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 60, "each of them once");
    beside.close().await;
}

pub async fn a_stale_token_settles_nothing_and_is_told(factory: &impl Factory) {
    let store = serve(factory).await;
    let call = finished("a", &[], &["completed"]);
    store.finish_call(call).await.expect("finished");
    let want = Want {
        endpoint: "completed".into(),
        limit: 1,
    };
    let ended = Duration::ZERO;
    let old = store.claim(vec![want], ended).await.expect("claim");
    let new = claim(&store, "completed", 1).await;
    assert_eq!(new.len(), 1, "the lease had ended");
    let refused = settle(&store, &old[0], Settled::Delivered).await;
    assert!(
        matches!(refused, Err(StoreError::StaleLease { webhook_id }) if webhook_id == new[0].webhook_id)
    );
    assert_eq!(
        store
            .release(vec![old[0].lease.clone()])
            .await
            .expect("asked"),
        0
    );
    settle(&store, &new[0], Settled::Delivered)
        .await
        .expect("the holder settles");
    let twice = settle(&store, &new[0], Settled::Delivered).await;
    assert!(matches!(twice, Err(StoreError::StaleLease { .. })));
}

pub async fn a_leased_document_is_nobody_elses_until_the_lease_ends(factory: &impl Factory) {
    let start = Duration::from_secs(1_000);
    let store = factory.open(Role::Serve, Clock::tokio(start)).await;
    store
        .finish_call(finished("a", &[], &["completed"]))
        .await
        .expect("finished");
    assert_eq!(claim(&store, "completed", 1).await.len(), 1);
    tokio::time::advance(LEASE - Duration::from_secs(1)).await;
    assert!(claim(&store, "completed", 1).await.is_empty());
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = claim(&store, "completed", 1).await;
    assert_eq!(second[0].attempt, 2);
    assert_eq!(second[0].since_first, LEASE);
}

pub async fn a_predecessors_leases_are_freed_at_the_start(factory: &impl Factory) {
    let store = serve(factory).await;
    store
        .finish_call(finished("a", &[], &["completed"]))
        .await
        .expect("finished");
    let lost = claim(&store, "completed", 1).await;
    store.close().await;
    let store = serve(factory).await;
    let found = claim(&store, "completed", 1).await;
    assert_eq!(found[0].webhook_id, lost[0].webhook_id);
    assert!(settle(&store, &lost[0], Settled::Delivered).await.is_err());
}

pub async fn what_was_settled_is_in_the_list_and_the_history(factory: &impl Factory) {
    let store = serve(factory).await;
    for call in ["a", "b", "c"] {
        store
            .finish_call(finished(call, &[], &["completed"]))
            .await
            .expect("finished");
    }
    let claimed = claim(&store, "completed", 3).await;
    for (one, how) in claimed
        .iter()
        .zip([Settled::Delivered, again(60), Settled::Dead])
    {
        settle(&store, one, how).await.expect("settled");
    }
    let states: Vec<_> = all(&store).await.iter().map(|d| d.state).collect();
    assert_eq!(states, [State::Delivered, State::Waiting, State::Dead]);
    let detail = store.document(&claimed[2].webhook_id).await.expect("there");
    assert_eq!(detail.attempts.len(), 1);
    assert_eq!(detail.attempts[0].status, Some(500));
    assert_eq!(detail.row.last_result, "HTTP 500");
    assert!(
        claim(&store, "completed", 3).await.is_empty(),
        "none of them is due"
    );
    let backlog = &store.backlogs().await.expect("backlogs")[0];
    assert_eq!((backlog.waiting, backlog.leased, backlog.dead), (1, 0, 1));
    let missing = store.document("msg_none").await;
    assert!(matches!(missing, Err(StoreError::NoSuchDocument { .. })));
}

pub async fn the_history_keeps_the_last_fifty_attempts(factory: &impl Factory) {
    let store = serve(factory).await;
    store
        .finish_call(finished("a", &[], &["completed"]))
        .await
        .expect("finished");
    store
        .finish_call(finished("b", &[], &["other"]))
        .await
        .expect("finished");
    let other = claim(&store, "other", 1).await;
    settle(&store, &other[0], Settled::Dead)
        .await
        .expect("settled");
    for _ in 0..55 {
        let claimed = claim(&store, "completed", 1).await;
        settle(&store, &claimed[0], again(0))
            .await
            .expect("settled");
    }
    let documents = all(&store).await;
    let history = |n: usize| store.document(&documents[n].webhook_id);
    assert_eq!(history(0).await.expect("there").attempts.len(), 50);
    assert_eq!(history(1).await.expect("there").attempts.len(), 1);
}

pub async fn a_backlog_is_pulled_forward_but_not_before_its_time(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(1_000)))
        .await;
    for call in ["a", "b", "c"] {
        store
            .finish_call(finished(call, &[], &["completed"]))
            .await
            .expect("finished");
    }
    let claimed = claim(&store, "completed", 2).await;
    settle(&store, &claimed[0], again(3_600))
        .await
        .expect("settled");
    let asked = Settled::Again {
        wait: Duration::from_secs(3_600),
        not_before: Duration::from_secs(60),
    };
    settle(&store, &claimed[1], asked).await.expect("settled");
    assert_eq!(store.pull_forward("completed").await.expect("pulled"), 2);
    assert_eq!(store.pull_forward("completed").await.expect("pulled"), 0);
    assert_eq!(claim(&store, "completed", 5).await.len(), 2);
    tokio::time::advance(Duration::from_secs(60)).await;
    let late = claim(&store, "completed", 5).await;
    assert_eq!(late[0].webhook_id, claimed[1].webhook_id);
}

pub async fn a_paused_endpoint_is_not_claimed_until_it_is_resumed(factory: &impl Factory) {
    let store = serve(factory).await;
    for to in ["completed", "other"] {
        store
            .finish_call(finished("a", &[], &[to]))
            .await
            .expect("finished");
    }
    store
        .pause("completed", "it answered 410 Gone")
        .await
        .expect("paused");
    assert!(claim(&store, "completed", 5).await.is_empty());
    assert_eq!(claim(&store, "other", 5).await.len(), 1, "others go on");
    let pauses = store.pauses().await.expect("pauses");
    assert_eq!(
        pauses,
        [("completed".to_owned(), "it answered 410 Gone".to_owned())]
    );
    assert!(store.resume("completed").await.expect("resumed"));
    assert!(!store.resume("completed").await.expect("asked again"));
    assert_eq!(claim(&store, "completed", 5).await.len(), 1);
}

pub async fn replay_gives_a_fresh_schedule_at_a_rate(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(1_000)))
        .await;
    for n in 0..4 {
        let call = finished(&format!("call-{n}"), &[], &["completed"]);
        store.finish_call(call).await.expect("finished");
    }
    let claimed = claim(&store, "completed", 4).await;
    for one in &claimed[..3] {
        settle(&store, one, Settled::Dead).await.expect("settled");
    }
    store.pause("completed", "gone").await.expect("paused");
    let dead = Filter {
        states: vec![State::Dead],
        endpoint: Some("completed".into()),
        ..Filter::default()
    };
    assert_eq!(store.count_replayable(&dead).await.expect("count"), 3);
    let gap = Duration::from_secs(10);
    assert_eq!(store.replay(dead, gap).await.expect("replayed"), 3);
    for place in 0..3 {
        let due = claim(&store, "completed", 4).await;
        assert_eq!(due.len(), 1, "one every ten seconds");
        assert_eq!(due[0].webhook_id, claimed[place].webhook_id);
        assert_eq!((due[0].attempt, due[0].since_first), (1, Duration::ZERO));
        tokio::time::advance(gap).await;
    }
}

pub async fn a_filter_finds_by_id_state_endpoint_and_time(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(1_000)))
        .await;
    for (n, to) in ["one", "two", "two"].iter().enumerate() {
        let call = finished(&format!("call-{n}"), &[], &[to]);
        store.finish_call(call).await.expect("finished");
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    let documents = all(&store).await;
    let count = async |filter: Filter| store.documents(&filter, 100).await.expect("list").len();
    let nothing = Filter::default();
    let id = Filter {
        ids: vec![documents[1].webhook_id.clone()],
        ..nothing.clone()
    };
    let to = Filter {
        endpoint: Some("two".into()),
        ..nothing.clone()
    };
    let time = Filter {
        from_ms: Some(1_005_000),
        until_ms: Some(1_015_000),
        ..nothing.clone()
    };
    let state = Filter {
        states: vec![State::Dead, State::Leased],
        ..nothing.clone()
    };
    let found = [
        count(nothing).await,
        count(id).await,
        count(to).await,
        count(time).await,
        count(state).await,
    ];
    assert_eq!(found, [3, 1, 2, 1, 0]);
}

pub async fn only_what_was_delivered_long_ago_is_removed(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(1_000)))
        .await;
    for call in ["a", "b", "c"] {
        store
            .finish_call(finished(call, &[], &["completed"]))
            .await
            .expect("finished");
    }
    let claimed = claim(&store, "completed", 2).await;
    settle(&store, &claimed[0], Settled::Delivered)
        .await
        .expect("settled");
    settle(&store, &claimed[1], Settled::Dead)
        .await
        .expect("settled");
    let keep = Duration::from_secs(60);
    assert_eq!(store.prune(keep).await.expect("pruned"), 0);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(store.prune(keep).await.expect("pruned"), 1);
    let states: Vec<_> = all(&store).await.iter().map(|d| d.state).collect();
    assert_eq!(states, [State::Dead, State::Waiting]);
}

pub async fn a_kept_response_belongs_to_the_call_of_its_leg(factory: &impl Factory) {
    let store = serve(factory).await;
    let response = |call: &str, at_ms| KeptResponse {
        call_uuid: call.into(),
        flow: "outbound".into(),
        webhook: "lookup".into(),
        at_ms,
        variables: serde_json::Map::from_iter([("queue".to_owned(), call.into())]),
    };
    for (call, at) in [("leg-2", 2_000), ("first", 1_500), ("nobody", 1_700)] {
        store
            .persist_response(response(call, at))
            .await
            .expect("kept");
    }
    let call = finished("first", &["first", "leg-2"], &[]);
    store.finish_call(call).await.expect("finished");
    let (calls, next) = store
        .report(&Default::default(), Default::default())
        .await
        .expect("page");
    assert_eq!(calls.len(), 1);
    let kept: Vec<_> = calls[0].responses.iter().map(|r| r.at_ms).collect();
    assert_eq!(kept, [1_500, 2_000], "in order of time");
    let (others, end) = store
        .report(&Default::default(), next.expect("more"))
        .await
        .expect("page");
    assert_eq!((others.len(), end), (1, None));
    assert!(others[0].finished.is_none(), "its call was never followed");
}

pub async fn news_of_an_insert_reaches_whoever_registered_before_it(factory: &impl Factory) {
    let store = serve(factory).await;
    let mut inserted = store.inserted();
    inserted.mark_unchanged();
    store.put_leg(leg("a", "a")).await.expect("stored");
    assert!(
        !inserted.has_changed().expect("open"),
        "a leg is nothing to send"
    );
    store
        .finish_call(finished("a", &["a"], &["completed"]))
        .await
        .expect("finished");
    assert!(inserted.has_changed().expect("open"));
}

/// A test for each requirement.
#[macro_export]
macro_rules! conformance {
    ($factory:expr; $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            store_suite::$name(&$factory).await;
        }
    )*};
    (paused $factory:expr; $($name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            store_suite::$name(&$factory).await;
        }
    )*};
}
