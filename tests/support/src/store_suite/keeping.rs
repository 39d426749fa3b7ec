//! A caller's data, and backups.

use super::*;

const NUMBER: &str = "+4930555123";

fn kept(call: &str, value: &str) -> PersistedResponse {
    PersistedResponse {
        call_uuid: call.into(),
        flow: "outbound".into(),
        webhook: "lookup".into(),
        at_ms: 1_000,
        variables: serde_json::Map::from_iter([("note".to_owned(), value.into())]),
    }
}

/// Stores a finished call with a document, a persisted response and a history.
async fn call_of(store: &Store, call: &str, caller: &str, history: &str) {
    let leg = format!("{call}-leg");
    store.persist_response(kept(&leg, "x")).await.expect("kept");
    let over = FinishedCallRecord {
        history: history.into(),
        summary: Some(CallSummary {
            caller: caller.into(),
            ..summary("outbound", 1_000)
        }),
        ..finished(call, &[&leg], &["completed"])
    };
    store.finish_call(over).await.expect("finished");
}

pub async fn a_caller_is_found_and_forgotten_everywhere(factory: &impl Factory) {
    let store = serve(factory).await;
    call_of(&store, "theirs", NUMBER, "{}").await;
    call_of(
        &store,
        "rang",
        "1",
        "{\"legs\":[{\"uuid\":\"b\",\"number\":\"004930555123\"}]}",
    )
    .await;
    call_of(&store, "other", "+4930555124", "{\"legs\":[]}").await;
    for (url, body) in [
        ("https://crm.example/callers/%2B4930555123", "{}"),
        ("https://crm.example/callers", "lead 4930555123"),
        ("https://crm.example/callers/%2B14930555123", "{}"),
    ] {
        let mut request = NewDocument::document("lookup", "outbound", "none", body);
        request.content.url = Some(url.into());
        store.put_request(&new_id(), request).await.expect("put");
    }
    store
        .persist_response(kept("c", "a 4930555123 b"))
        .await
        .expect("kept");
    let mut open = leg("on", "on");
    open.json = format!("{{\"number\":\"{NUMBER}\"}}");
    store.put_leg(open).await.expect("stored");

    let mut held = waiting("held");
    held.unpublished.as_mut().expect("waits").json = format!("{{\"caller\":\"{NUMBER}\"}}");
    store.finish_call(held).await.expect("finished");
    store
        .finish_call(waiting("others"))
        .await
        .expect("finished");

    let caller = Caller::new("0049 30 555123").expect("a number");
    let found = store.find_caller(&caller).await.expect("found");
    let calls: Vec<_> = found.calls.iter().map(|call| &*call.call_uuid).collect();
    assert_eq!(calls, ["theirs", "rang"]);
    assert_eq!(found.responses(), 3);
    assert_eq!(found.documents(DocumentState::Waiting), 4);
    assert_eq!(found.unpublished(), 1);
    assert_eq!(found.legs, 1, "of a call that is not over");
    assert_eq!(all(&store).await.len(), 6, "nothing is changed by looking");

    store.forget(&found).await.expect("forgotten");
    store.scrub().await.expect("scrubbed");
    let left = store.find_caller(&caller).await.expect("found");
    assert!(left.is_empty(), "{left:?}");
    let rest: Vec<_> = all(&store)
        .await
        .into_iter()
        .map(|row| row.call_uuid)
        .collect();
    assert_eq!(rest, ["other", "none"], "what is others' stays");
    assert_eq!(store.unpublished().await.expect("counted"), 1);
    let page = store
        .report(&CallFilter::default(), ReportCursor::default())
        .await;
    let page = page.expect("page").0;
    assert_eq!(page.len(), 3);
    assert_eq!(page[0].responses.len(), 1);
    assert_eq!(store.load_legs().await.expect("legs").len(), 1);
}

/// Returns everything that the store's methods return.
async fn contents(store: &Store) -> impl PartialEq + std::fmt::Debug + use<> {
    let documents = all(store).await;
    let mut details = Vec::new();
    for row in &documents {
        details.push(store.document(&row.webhook_id).await.expect("there"));
    }
    (
        details,
        store.load_legs().await.expect("legs").len(),
        store.pauses().await.expect("pauses"),
        store
            .report(&CallFilter::default(), ReportCursor::default())
            .await
            .expect("page")
            .0,
        store
            .persisted_names(&CallFilter::default())
            .await
            .expect("names"),
        store.finished_channels("pbx-1").await.expect("channels"),
        store
            .switch_name_at("127.0.0.1:8021")
            .await
            .expect("switch"),
        store.cdr_progress("pbx-1").await.expect("read"),
        store.unpublished_until(&["waits"]).await.expect("read"),
    )
}

/// Restores a backup of `from` into the empty `to`: all contents are equal, and waiting and leased
/// documents are delivered.
pub async fn a_copy_is_restored_into(from: &impl Factory, to: &impl Factory) {
    let store = serve(from).await;
    for call in ["a", "b", "c", "d"] {
        call_of(&store, call, NUMBER, "{\"legs\":[]}").await;
    }
    store.put_leg(leg("on", "on")).await.expect("stored");
    store
        .pause("other", "it answered 410 Gone")
        .await
        .expect("paused");
    store
        .put_switch_name("127.0.0.1:8021", "pbx-1")
        .await
        .expect("noted");
    store.put_cdr_progress("pbx-1", 7).await.expect("noted");
    let gone = FinishedCallRecord {
        channels: vec![FinishedChannel {
            uuid: "e-leg".into(),
            created_us: Some(5),
        }],
        ..finished("e", &[], &[])
    };
    store.finish_call(gone).await.expect("finished");
    store.finish_call(waiting("waits")).await.expect("finished");
    let leased = store.claim_unpublished(1, LEASE).await.expect("claimed");
    let claimed = claim(&store, "completed", 2).await;
    settle(&store, &claimed[0], again(0))
        .await
        .expect("settled");
    settle(&store, &claimed[1], DeliveryOutcome::Dead)
        .await
        .expect("settled");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy.db");
    store.back_up(&file).await.expect("copied");
    let restored = serve(to).await;
    restored.restore(&file).await.expect("restored");
    assert_eq!(
        format!("{:?}", contents(&restored).await),
        format!("{:?}", contents(&store).await)
    );

    let free = restored.claim_unpublished(1, LEASE).await.expect("claimed");
    assert_eq!(free[0].json, leased[0].json, "nobody has it there");

    // A document that is leased during the backup waits in the backup.
    let held = claim(&store, "completed", 1).await;
    let second = folder.path().join("second.db");
    store.back_up(&second).await.expect("copied");
    let twice = restored.restore(&second).await;
    assert!(
        matches!(twice, Err(StoreError::NotEmpty { .. })),
        "{twice:?}"
    );
    let taken = store.back_up(&second).await;
    assert!(matches!(taken, Err(StoreError::Copy { .. })), "{taken:?}");

    let delivered = claim(&restored, "completed", 10).await;
    assert_eq!(delivered.len(), 3);
    for (before, attempt) in [(&claimed[0], 2), (&held[0], held[0].attempt)] {
        let same = delivered
            .iter()
            .find(|one| one.webhook_id == before.webhook_id);
        let same = same.expect("there");
        assert_eq!(same.content, before.content);
        assert_eq!(same.attempt, attempt, "the history goes on");
    }
    for one in &delivered {
        settle(&restored, one, DeliveryOutcome::Delivered)
            .await
            .expect("settled");
    }
    call_of(&restored, "f", "1", "{}").await;
    assert_eq!(
        claim(&restored, "completed", 10).await.len(),
        1,
        "rows are counted on"
    );
}

/// A document that was leased during the backup is due at once after the restore.
pub async fn what_was_being_tried_waits_in_a_copy(from: &impl Factory, to: &impl Factory) {
    let store = serve(from).await;
    call_of(&store, "a", NUMBER, "{}").await;
    let held = claim(&store, "completed", 1).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy.db");
    store.back_up(&file).await.expect("copied");
    let restored = serve(to).await;
    restored.restore(&file).await.expect("restored");
    let again = claim(&restored, "completed", 1).await;
    assert_eq!(again[0].webhook_id, held[0].webhook_id);
    assert_eq!(again[0].content, held[0].content);
}

pub async fn what_is_no_copy_is_refused(factory: &impl Factory) {
    let store = serve(factory).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("not.db");
    for content in [
        None,
        Some(&b""[..]),
        Some(b"not a database, and long enough for its head"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).expect("written");
        }
        let restored = store.restore(&file).await;
        assert!(
            matches!(restored, Err(StoreError::Copy { .. })),
            "{restored:?}"
        );
    }
    let nowhere = store.back_up(&folder.path().join("none/copy.db")).await;
    assert!(
        matches!(nowhere, Err(StoreError::Copy { .. })),
        "{nowhere:?}"
    );
}
