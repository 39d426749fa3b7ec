//! Legs, finished calls, claims and outcomes.

use super::*;

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
            .all(|d| d.state == DocumentState::Waiting && d.attempts == 0)
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

pub async fn a_unique_id_that_is_given_again_has_a_document_and_a_row_for_each_call(
    factory: &impl Factory,
) {
    let store = serve(factory).await;
    let call = finished("a", &["a"], &["completed"]);
    let later = switchhook_store::FinishedCallRecord {
        created_us: call.created_us + 1,
        ..call.clone()
    };
    for call in [&call, &later] {
        let new = store.finish_call(call.clone()).await.expect("finished");
        assert_eq!(new, [true]);
        let again = store.finish_call(call.clone()).await.expect("finished");
        assert_eq!(again, [false], "the same call");
    }
    assert_eq!(all(&store).await.len(), 2);
    let (calls, _) = store
        .report(&Default::default(), Default::default())
        .await
        .expect("page");
    assert_eq!(calls.len(), 2);
}

pub async fn how_far_cdrs_were_read_outlasts_a_restart_and_never_goes_back(factory: &impl Factory) {
    let store = serve(factory).await;
    assert_eq!(store.cdr_progress("pbx-1").await.expect("read"), None);
    for until_us in [5, 7, 6] {
        store
            .put_cdr_progress("pbx-1", until_us)
            .await
            .expect("noted");
    }
    store.close().await;
    let store = serve(factory).await;
    assert_eq!(store.cdr_progress("pbx-1").await.expect("read"), Some(7));
    assert_eq!(store.cdr_progress("pbx-2").await.expect("read"), None);
}

pub async fn a_widgets_requests_are_all_kept_with_their_own_content(factory: &impl Factory) {
    let store = serve(factory).await;
    let mut request = NewDocument::document("lookup", "inbound", "a", &b"x\0\xff"[..]);
    request.content.method = Some("PUT".into());
    request.content.url = Some("https://crm.example/a?b=c".into());
    request.content.headers = vec![("X-Lead".into(), "7".into())];
    let (first, second) = (new_id(), new_id());
    for (id, is_new) in [(&first, true), (&second, true), (&first, false)] {
        let stored = store.put_request(id, request.clone()).await;
        assert_eq!(stored.expect("stored"), is_new, "once under each id");
    }
    let claimed = claim(&store, "lookup", 10).await;
    let ids: Vec<_> = claimed.iter().map(|c| c.webhook_id.clone()).collect();
    assert_eq!(ids, [first, second]);
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
    let beside = factory.open(Role::Command, Clock::Database).await;
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

pub async fn a_stale_token_settles_nothing_and_is_reported(factory: &impl Factory) {
    let store = serve(factory).await;
    let call = finished("a", &[], &["completed"]);
    store.finish_call(call).await.expect("finished");
    let want = ClaimRequest {
        endpoint: "completed".into(),
        limit: 1,
    };
    let ended = Duration::ZERO;
    let old = store.claim(vec![want], ended).await.expect("claim");
    let new = claim(&store, "completed", 1).await;
    assert_eq!(new.len(), 1, "the lease had ended");
    let refused = settle(&store, &old[0], DeliveryOutcome::Delivered).await;
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
    settle(&store, &new[0], DeliveryOutcome::Delivered)
        .await
        .expect("the holder settles");
    let twice = settle(&store, &new[0], DeliveryOutcome::Delivered).await;
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
    assert!(
        settle(&store, &lost[0], DeliveryOutcome::Delivered)
            .await
            .is_err()
    );
}

pub async fn an_operator_lets_an_endpoint_be_tried_now_with_one_document(factory: &impl Factory) {
    let store = serve(factory).await;
    for call in ["a", "b"] {
        let call = finished(call, &[], &["completed"]);
        store.finish_call(call).await.expect("finished");
    }
    let outcome = DeliveryOutcome::Retry {
        wait: Duration::from_secs(3_600),
        not_before: Duration::from_secs(3_600),
    };
    for document in claim(&store, "completed", 9).await {
        settle(&store, &document, outcome).await.expect("settled");
    }
    assert_eq!(claim(&store, "completed", 9).await, [], "nothing is due");
    let before = store.retry_requests().await.expect("requests");
    store.try_now("completed").await.expect("tried");
    let after = store.retry_requests().await.expect("requests");
    assert_ne!(before, after, "services that slowed it down hear of it");
    let due = claim(&store, "completed", 9).await;
    assert_eq!(due.len(), 1, "one tries the endpoint for all");
    assert_eq!(due[0].attempt, 2, "its schedule goes on");
}

pub async fn what_an_operator_discards_is_given_up_first_and_deleted_then(factory: &impl Factory) {
    let store = serve(factory).await;
    for call in ["waits", "leased", "done"] {
        let call = finished(call, &[], &[call]);
        store.finish_call(call).await.expect("finished");
    }
    let leased = claim(&store, "leased", 1).await;
    let done = claim(&store, "done", 1).await;
    let delivered = DeliveryOutcome::Delivered;
    settle(&store, &done[0], delivered).await.expect("settled");
    let ids: Vec<String> = all(&store)
        .await
        .into_iter()
        .map(|row| row.webhook_id)
        .collect();
    let discarded = store.discard(ids.clone()).await.expect("discarded");
    assert_eq!((discarded.given_up, discarded.deleted), (1, 0));
    let waits = store.document(&ids[0]).await.expect("kept");
    assert_eq!(waits.row.state, DocumentState::Dead);
    assert_eq!(waits.row.last_result, "given up by an operator");
    settle(&store, &leased[0], delivered)
        .await
        .expect("untouched");
    let discarded = store.discard(ids.clone()).await.expect("discarded");
    assert_eq!((discarded.given_up, discarded.deleted), (0, 1));
    let gone = store.document(&ids[0]).await;
    assert!(matches!(gone, Err(StoreError::NoSuchDocument { .. })));
    assert_eq!(all(&store).await.len(), 2, "what was delivered stays");
}
