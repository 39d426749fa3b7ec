//! What an operator sees and does, and what is removed after its time.

use super::*;

pub async fn what_was_settled_is_in_the_list_and_the_history(factory: &impl Factory) {
    let store = serve(factory).await;
    for call in ["a", "b", "c"] {
        store
            .finish_call(finished(call, &[], &["completed"]))
            .await
            .expect("finished");
    }
    let claimed = claim(&store, "completed", 3).await;
    for (one, how) in
        claimed
            .iter()
            .zip([DeliveryOutcome::Delivered, again(60), DeliveryOutcome::Dead])
    {
        settle(&store, one, how).await.expect("settled");
    }
    let states: Vec<_> = all(&store).await.iter().map(|d| d.state).collect();
    assert_eq!(
        states,
        [
            DocumentState::Delivered,
            DocumentState::Waiting,
            DocumentState::Dead
        ]
    );
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
    settle(&store, &other[0], DeliveryOutcome::Dead)
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
    let asked = DeliveryOutcome::Retry {
        wait: Duration::from_secs(3_600),
        not_before: Duration::from_secs(60),
    };
    settle(&store, &claimed[1], asked).await.expect("settled");
    assert_eq!(
        store.make_backlog_due("completed").await.expect("pulled"),
        2
    );
    assert_eq!(
        store.make_backlog_due("completed").await.expect("pulled"),
        0
    );
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
        settle(&store, one, DeliveryOutcome::Dead)
            .await
            .expect("settled");
    }
    store.pause("completed", "gone").await.expect("paused");
    let dead = DocumentFilter {
        states: vec![DocumentState::Dead],
        endpoint: Some("completed".into()),
        ..DocumentFilter::default()
    };
    assert_eq!(store.count_replayable(&dead).await.expect("count"), 3);
    let gap = Duration::from_secs(10);
    assert_eq!(store.replay(dead, gap).await.expect("replayed"), 3);
    for dead in &claimed[..3] {
        let due = claim(&store, "completed", 4).await;
        assert_eq!(due.len(), 1, "one every ten seconds");
        assert_eq!(due[0].webhook_id, dead.webhook_id);
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
    let count =
        async |filter: DocumentFilter| store.documents(&filter, 100).await.expect("list").len();
    let nothing = DocumentFilter::default();
    let id = DocumentFilter {
        ids: vec![documents[1].webhook_id.clone()],
        ..nothing.clone()
    };
    let to = DocumentFilter {
        endpoint: Some("two".into()),
        ..nothing.clone()
    };
    let time = DocumentFilter {
        from_ms: Some(1_005_000),
        until_ms: Some(1_015_000),
        ..nothing.clone()
    };
    let state = DocumentFilter {
        states: vec![DocumentState::Dead, DocumentState::Leased],
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
    settle(&store, &claimed[0], DeliveryOutcome::Delivered)
        .await
        .expect("settled");
    settle(&store, &claimed[1], DeliveryOutcome::Dead)
        .await
        .expect("settled");
    let keep = Retention {
        delivered: Some(Duration::from_secs(60)),
        ..Retention::FOR_EVER
    };
    assert_eq!(store.prune(keep).await.expect("pruned"), 0);
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(store.prune(Retention::FOR_EVER).await.expect("pruned"), 0);
    assert_eq!(store.prune(keep).await.expect("pruned"), 1);
    let states: Vec<_> = all(&store).await.iter().map(|d| d.state).collect();
    assert_eq!(states, [DocumentState::Dead, DocumentState::Waiting]);
    let keep = Retention {
        dead: Some(Duration::from_secs(60)),
        ..Retention::FOR_EVER
    };
    assert_eq!(store.prune(keep).await.expect("pruned"), 1);
    let states: Vec<_> = all(&store).await.iter().map(|d| d.state).collect();
    assert_eq!(
        states,
        [DocumentState::Waiting],
        "what waits is never removed"
    );
}

pub async fn calls_and_answers_are_removed_when_they_are_old(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(1_000)))
        .await;
    let over = |call: &str, started_ms| FinishedCallRecord {
        summary: Some(summary("outbound", started_ms)),
        ..finished(call, &[], &[])
    };
    let unknown = CallSummary {
        ended_ms: 0,
        ..summary("outbound", 0)
    };
    let unknown = FinishedCallRecord {
        summary: Some(unknown),
        ..over("unknown", 0)
    };
    for call in [over("old", 900_000), over("new", 938_000), unknown] {
        store.finish_call(call).await.expect("finished");
    }
    for at_ms in [939_999, 940_001] {
        let kept = PersistedResponse {
            call_uuid: format!("answered-{at_ms}"),
            flow: "outbound".into(),
            webhook: "lookup".into(),
            at_ms,
            variables: serde_json::Map::new(),
        };
        store.persist_response(kept).await.expect("kept");
    }
    let minute = Some(Duration::from_secs(60));
    let keep = Retention {
        calls: minute,
        responses: minute,
        ..Retention::FOR_EVER
    };
    assert_eq!(store.prune(keep).await.expect("pruned"), 2);
    let all = CallFilter::default();
    let left = store.report(&all, ReportCursor::default()).await;
    let left: Vec<String> = left
        .expect("page")
        .0
        .into_iter()
        .map(|call| call.call_uuid)
        .collect();
    assert_eq!(left, ["new", "unknown"], "old by its end");
}

pub async fn a_kept_response_belongs_to_the_call_of_its_leg(factory: &impl Factory) {
    let store = serve(factory).await;
    let response = |call: &str, at_ms| PersistedResponse {
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

pub async fn parties_and_answers_are_listed_of_the_selected_calls(factory: &impl Factory) {
    let store = serve(factory).await;
    for call in ["first", "second", "third"] {
        let finished = finished(call, &[call], &[]);
        store.finish_call(finished).await.expect("finished");
    }
    for (call, at_ms) in [("second", 2_000), ("first", 1_500), ("second", 1_000)] {
        let kept = PersistedResponse {
            call_uuid: call.into(),
            flow: "outbound".into(),
            webhook: "lookup".into(),
            at_ms,
            variables: serde_json::Map::from_iter([("queue".to_owned(), call.into())]),
        };
        store.persist_response(kept).await.expect("kept");
    }
    let mut parties = store.parties(&["second", "third", "nobody"]).await;
    let parties = parties.as_mut().expect("read");
    parties.sort_by(|one, other| one.call_uuid.cmp(&other.call_uuid));
    let told: Vec<_> = parties
        .iter()
        .map(|it| {
            (
                it.call_uuid.as_str(),
                it.caller.as_str(),
                it.called.as_str(),
            )
        })
        .collect();
    let expected = ["second", "third"].map(|call| (call, "+4930123", "7000"));
    assert_eq!(told, expected);
    let responses = store
        .responses_of(&["second", "third"])
        .await
        .expect("read");
    let told: Vec<_> = responses
        .iter()
        .map(|it| (it.call_uuid.as_str(), it.at_ms, &it.variables["queue"]))
        .collect();
    let queue = serde_json::Value::from("second");
    assert_eq!(told, [("second", 1_000, &queue), ("second", 2_000, &queue)]);
    assert_eq!(store.parties(&[]).await.expect("read"), []);
    assert_eq!(store.responses_of(&[]).await.expect("read"), []);
}

pub async fn news_of_an_insert_reaches_all_that_registered_before_it(factory: &impl Factory) {
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

pub async fn calls_are_listed_newest_first_and_found_by_their_history(factory: &impl Factory) {
    let store = serve(factory).await;
    for (call, key) in [("a", "HFC_123"), ("b", "HFCX123"), ("c", "100%")] {
        let history = format!(
            "{{\"keys\":[[\"leadid\",\"{key}\"]],\"runs\":[{{\"ending\":\"line_{}\"}}]}}",
            u8::from(call == "b")
        );
        let call = FinishedCallRecord {
            history,
            asked: asked_line("lookup", "", if call == "b" { "line_1" } else { "line_0" }),
            ..finished(call, &[call], &["completed"])
        };
        store.finish_call(call).await.expect("finished");
    }
    let search = CallSearch {
        limit: 10,
        ..CallSearch::default()
    };
    let found = async |search: CallSearch| -> Vec<String> {
        let calls = store.calls(&search).await.expect("calls");
        calls.into_iter().map(|call| call.call_uuid).collect()
    };
    assert_eq!(found(search.clone()).await, ["c", "b", "a"]);
    let with = |text: &str| CallSearch {
        text: Some(text.into()),
        ..search.clone()
    };
    assert_eq!(
        found(with("hfc_123")).await,
        ["a"],
        "whatever the case, and _ is no wildcard"
    );
    assert_eq!(found(with("0%")).await, ["c"]);
    assert_eq!(found(with("+4930")).await.len(), 3, "a number");
    assert_eq!(
        found(CallSearch {
            line_1: true,
            ..search.clone()
        })
        .await,
        ["b"]
    );
    assert_eq!(
        found(CallSearch {
            call_uuid: Some("c".into()),
            ..search.clone()
        })
        .await,
        ["c"]
    );
    let newest = store
        .calls(&CallSearch {
            limit: 1,
            ..search.clone()
        })
        .await
        .expect("calls");
    assert_eq!(
        found(CallSearch {
            before: Some(newest[0].id),
            ..search
        })
        .await,
        ["b", "a"]
    );
    let documents = store.documents_of(&["a", "c"]).await.expect("documents");
    let of: Vec<_> = documents
        .into_iter()
        .map(|document| document.call_uuid)
        .collect();
    assert_eq!(of, ["a", "c"]);
}

pub async fn text_with_a_nul_is_stored_and_found_again(factory: &impl Factory) {
    let store = serve(factory).await;
    let mut call = finished("a\0b", &["a\0b"], &["completed"]);
    call.summary.as_mut().expect("there").caller = "\0".into();
    store.put_leg(leg("a\0b", "a\0b")).await.expect("stored");
    store.finish_call(call.clone()).await.expect("finished");
    assert!(store.load_legs().await.expect("legs").is_empty());
    assert_eq!(store.finish_call(call).await.expect("again"), [false]);
    let claimed = claim(&store, "completed", 1).await;
    let report = AttemptResult {
        error: Some("the receiver said \0".into()),
        ..AttemptResult::default()
    };
    let lease = claimed[0].lease.clone();
    store
        .settle(lease, DeliveryOutcome::Dead, report)
        .await
        .expect("settled");
}

pub async fn what_was_finished_is_remembered_for_an_hour(factory: &impl Factory) {
    let store = factory
        .open(Role::Serve, Clock::tokio(Duration::from_secs(10_000)))
        .await;
    let ended = async |n: i64| {
        let mut call = finished(&format!("call-{n}"), &[], &[]);
        call.channels = vec![FinishedChannel {
            uuid: format!("call-{n}"),
            created_us: (n % 2 == 0).then_some(n),
        }];
        store.finish_call(call.clone()).await.expect("finished");
        store.finish_call(call).await.expect("again");
    };
    for n in 0..10 {
        ended(n).await;
    }
    let known = store.finished_channels("pbx-1").await.expect("channels");
    assert!(
        known
            .iter()
            .any(|one| one.uuid == "call-4" && one.created_us == Some(4))
    );
    assert!(
        store
            .finished_channels("pbx-2")
            .await
            .expect("channels")
            .is_empty()
    );
    tokio::time::advance(Duration::from_secs(3_601)).await;
    for n in 100..200 {
        ended(n).await;
    }
    let known = store.finished_channels("pbx-1").await.expect("channels");
    assert!(known.iter().all(|one| one.uuid != "call-4"), "too long ago");
    assert!(known.iter().any(|one| one.uuid == "call-199"));
}
