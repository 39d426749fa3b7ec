//! Calls that end at the same time, and what is stored at the same time: as if each came alone.

use futures_util::future::join_all;
use switchhook_store::{DeliveryKind, NewUnpublishedCall};

use super::events::event;
use super::*;

/// Returns a finished call with two legs of its own, as the switch tells them.
fn call(name: &str, webhooks: &[&str]) -> FinishedCallRecord {
    let other = format!("{name}-b");
    let legs = [name, &other];
    FinishedCallRecord {
        channels: legs.map(|uuid| channel(uuid, Some(1))).to_vec(),
        history: format!("history of {name}"),
        ..finished(name, &legs, webhooks)
    }
}

pub fn channel(uuid: &str, created_us: Option<i64>) -> FinishedChannel {
    FinishedChannel {
        uuid: uuid.into(),
        created_us,
    }
}

/// Returns calls of every kind, each with whether its documents are new.
fn calls_of_every_kind() -> Vec<(FinishedCallRecord, Vec<bool>)> {
    let plain = |n: usize| (call(&format!("plain-{n}"), &["completed"]), vec![true]);
    let mut odd = call("odd", &["completed"]);
    odd.history = "it's \"odd\", \\ {a,NULL} \u{1F4DE}".into();
    odd.documents[0].content.method = Some("PUT".into());
    odd.documents[0].content.url = Some("http://example.org/?a={b},\"c\"".into());
    odd.documents[0].content.headers = vec![("x-a".into(), "{\"NULL\"}".into())];
    odd.documents[0].content.body = vec![0, 255, b'\\', b'"'].into();
    let silent = FinishedCallRecord {
        summary: None,
        ..call("no summary", &["completed"])
    };
    let told = FinishedCallRecord {
        events: vec![event("told", "answered"), event("told", "ended")],
        ..call("told", &["completed"])
    };
    let waits = FinishedCallRecord {
        unpublished: Some(NewUnpublishedCall {
            json: "{}".into(),
            wait: LEASE,
        }),
        ..call("waits", &[])
    };
    let never_answered = FinishedCallRecord {
        channels: vec![channel("dead", None), channel("dead-b", None)],
        summary: Some(CallSummary {
            answered_ms: None,
            incomplete: true,
            ..summary("inbound", 5_000)
        }),
        ..call("dead", &["completed", "extra"])
    };
    let mut calls: Vec<_> = (0..30).map(plain).collect();
    calls.extend([
        (odd, vec![true]),
        (silent, vec![true]),
        (told, vec![true]),
        (waits, vec![]),
        (never_answered, vec![true, true]),
        (
            call("same webhook twice", &["completed"; 2]),
            vec![true, false],
        ),
        (call("nothing to send", &[]), vec![]),
        (call("again", &["completed"]), vec![true]),
        (call("again", &["completed"]), vec![false]),
    ]);
    calls
}

pub async fn calls_that_end_at_once_are_stored_as_if_each_came_alone(factory: &impl Factory) {
    let store = serve(factory).await;
    let calls = calls_of_every_kind();
    let legs = calls.iter().flat_map(|(call, _)| {
        let leg = |uuid: &String| store.put_leg(leg(&call.call_uuid, uuid));
        call.legs.iter().map(leg)
    });
    join_all(legs)
        .await
        .into_iter()
        .for_each(|one| one.expect("stored"));
    store.put_leg(leg("lives", "lives")).await.expect("stored");
    let response = PersistedResponse {
        call_uuid: "plain-7-b".into(),
        flow: "outbound".into(),
        webhook: "lookup".into(),
        at_ms: 1_000,
        variables: serde_json::Map::new(),
    };
    store.persist_response(response).await.expect("kept");
    let ends = calls
        .iter()
        .map(|(call, _)| store.finish_call(call.clone()));
    let new = join_all(ends).await;
    for ((call, expected), new) in calls.iter().zip(new) {
        assert_eq!(new.expect("finished"), *expected, "{}", call.call_uuid);
    }
    let legs = store.load_legs().await.expect("legs");
    assert_eq!(legs.len(), 1, "those of living calls stay: {legs:?}");
    the_documents_are_those_of(&store, &calls).await;
    the_summaries_are_those_of(&store, &calls).await;
    let remembered = store.finished_channels("pbx-1").await.expect("channels");
    for one in calls.iter().flat_map(|(call, _)| &call.channels) {
        assert!(remembered.contains(one), "{one:?}");
    }
    let answers = store.responses_of(&["plain-7-b"]).await.expect("answers");
    assert_eq!(answers[0].call_uuid, "plain-7", "that of the leg's call");
    assert_eq!(store.unpublished().await.expect("counted"), 1);
}

async fn the_documents_are_those_of(store: &Store, calls: &[(FinishedCallRecord, Vec<bool>)]) {
    let rows = all(store).await;
    let (events, documents): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| row.kind == DeliveryKind::Event);
    let numbers: Vec<_> = events.iter().map(|row| row.sequence).collect();
    assert_eq!(numbers, [Some(1), Some(2)]);
    let expected = calls.iter().flat_map(|(call, new)| {
        let documents = call.documents.iter().zip(new);
        documents.filter(|(_, is_new)| **is_new).map(|(one, _)| one)
    });
    let expected: Vec<_> = expected.collect();
    assert_eq!(documents.len(), expected.len());
    for (row, expected) in documents.iter().zip(expected) {
        let detail = store.document(&row.webhook_id).await.expect("there");
        let stored = NewDocument {
            account: expected.account.clone(),
            kind: row.kind,
            webhook: row.endpoint.clone(),
            flow: row.flow.clone(),
            call_uuid: row.call_uuid.clone(),
            content: detail.content,
        };
        assert_eq!(stored, *expected, "in the order of the calls");
        assert_eq!(row.switch, "pbx-1");
    }
}

async fn the_summaries_are_those_of(store: &Store, calls: &[(FinishedCallRecord, Vec<bool>)]) {
    let search = CallSearch {
        limit: 1_000,
        ..CallSearch::default()
    };
    let stored = store.calls(&search).await.expect("calls");
    let stored = stored.into_iter().rev();
    let stored = stored.map(|one| (one.call_uuid, one.summary, one.history));
    let mut expected: Vec<_> = calls
        .iter()
        .filter_map(|(call, _)| {
            let summary = call.summary.clone()?;
            Some((call.call_uuid.clone(), summary, call.history.clone()))
        })
        .collect();
    expected.dedup();
    assert_eq!(stored.collect::<Vec<_>>(), expected, "in their order");
}
