//! Calls that wait for their recordings: leased, and exchanged for their documents once.

use switchhook_store::{NewUnpublished, Published, Unpublished};

use super::*;

const WAIT: Duration = Duration::from_secs(600);

/// A call that waits.
pub fn waiting(call: &str) -> FinishedCallRecord {
    FinishedCallRecord {
        unpublished: Some(NewUnpublished {
            json: format!("{{\"call\":\"{call}\"}}"),
            wait: WAIT,
        }),
        ..finished(call, &[call], &[])
    }
}

fn published(call: &str) -> Published {
    Published {
        documents: vec![NewDocument::document("completed", "outbound", call, "{}")],
        incomplete: Some("{\"missing\":[\"recordingUrls\"]}".into()),
    }
}

async fn take(store: &Store) -> Vec<Unpublished> {
    store.claim_unpublished(10, LEASE).await.expect("claimed")
}

pub async fn a_call_waits_for_its_recordings_and_is_exchanged_for_its_documents_once(
    factory: &impl Factory,
) {
    let store = serve(factory).await;
    store.put_leg(leg("a", "a")).await.expect("stored");
    for _ in 0..2 {
        // Another instance may finish it too.
        store.finish_call(waiting("a")).await.expect("finished");
    }
    assert!(store.load_legs().await.expect("legs").is_empty());
    assert!(all(&store).await.is_empty(), "nothing is to be sent yet");
    assert_eq!(store.unpublished().await.expect("counted"), 1);
    let until = store.unpublished_until(&["a", "b"]).await.expect("read");
    assert!(until.is_some());
    assert_eq!(store.unpublished_until(&["b"]).await.expect("read"), None);

    let claimed = take(&store).await;
    assert_eq!(claimed.len(), 1);
    let call = claimed[0].clone();
    assert_eq!((&*call.json, &*call.call_uuid), ("{\"call\":\"a\"}", "a"));
    assert!(call.left > WAIT / 2 && call.left <= WAIT);
    assert!(take(&store).await.is_empty(), "it is leased");

    let new = store.publish(call.clone(), published("a")).await;
    assert!(new.expect("published"));
    let twice = store.publish(call.clone(), published("a")).await;
    assert!(!twice.expect("asked"), "it is done");
    assert!(!store.postpone(&call, LEASE).await.expect("asked"));
    assert_eq!(all(&store).await.len(), 1);
    assert_eq!(claim(&store, "completed", 10).await.len(), 1, "due now");
    let search = CallSearch {
        limit: 10,
        ..CallSearch::default()
    };
    let told = store.calls(&search).await.expect("calls");
    assert!(told[0].summary.incomplete);
    assert!(told[0].story.contains("recordingUrls"));

    // Who comes late does not begin anew.
    store.finish_call(waiting("a")).await.expect("finished");
    assert_eq!(store.unpublished().await.expect("counted"), 0);
}

pub async fn a_call_that_waits_is_taken_over_when_its_lease_ends(factory: &impl Factory) {
    let start = Duration::from_secs(1_000);
    let store = factory.open(Role::Serve, Clock::tokio(start)).await;
    store.finish_call(waiting("a")).await.expect("finished");
    let lost = take(&store).await;
    tokio::time::advance(LEASE / 2).await;
    assert!(store.postpone(&lost[0], LEASE).await.expect("prolonged"));
    tokio::time::advance(LEASE - Duration::from_secs(1)).await;
    assert!(take(&store).await.is_empty());
    tokio::time::advance(Duration::from_secs(1)).await;
    let next = take(&store).await;
    assert_eq!(next[0].since, LEASE + LEASE / 2);
    assert_eq!(next[0].left, WAIT - next[0].since);
    let late = store.publish(lost[0].clone(), published("a")).await;
    assert!(!late.expect("asked"), "another has it");
    assert!(all(&store).await.is_empty());
    // Given back until then.
    let given = store.postpone(&next[0], Duration::from_secs(5)).await;
    assert!(given.expect("given back"));
    assert!(take(&store).await.is_empty());
    tokio::time::advance(WAIT).await;
    assert_eq!(take(&store).await[0].left, Duration::ZERO, "it is over");
}

pub async fn calls_that_a_predecessor_had_leased_are_free_at_the_start(factory: &impl Factory) {
    let store = serve(factory).await;
    store.finish_call(waiting("a")).await.expect("finished");
    assert_eq!(take(&store).await.len(), 1);
    store.close().await;
    let store = serve(factory).await;
    assert_eq!(take(&store).await.len(), 1);
}
