//! Finished calls that wait for recordings.

use switchhook_store::{NewUnpublishedCall, PublishedCall, UnpublishedCall};

use super::*;

const WAIT: Duration = Duration::from_secs(600);

/// Returns a finished call that waits for recordings.
pub fn waiting(call: &str) -> FinishedCallRecord {
    FinishedCallRecord {
        unpublished: Some(NewUnpublishedCall {
            json: format!("{{\"call\":\"{call}\"}}"),
            wait: WAIT,
        }),
        ..finished(call, &[call], &[])
    }
}

fn published(call: &str) -> PublishedCall {
    PublishedCall {
        documents: vec![NewDocument::document("completed", "outbound", call, "{}")],
        incomplete_history: Some("{\"missing\":[\"recordingUrls\"]}".into()),
    }
}

async fn claim_all(store: &Store) -> Vec<UnpublishedCall> {
    store.claim_unpublished(10, LEASE).await.expect("claimed")
}

pub async fn a_call_waits_for_its_recordings_and_is_exchanged_for_its_documents_once(
    factory: &impl Factory,
) {
    let store = serve(factory).await;
    store.put_leg(leg("a", "a")).await.expect("stored");
    for _ in 0..2 {
        // Another instance may finish the call as well.
        store.finish_call(waiting("a")).await.expect("finished");
    }
    assert!(store.load_legs().await.expect("legs").is_empty());
    assert!(all(&store).await.is_empty(), "nothing is to be sent yet");
    assert_eq!(store.unpublished().await.expect("counted"), 1);
    let until = store.unpublished_until(&["a", "b"]).await.expect("read");
    assert!(until.is_some());
    assert_eq!(store.unpublished_until(&["b"]).await.expect("read"), None);

    let claimed = claim_all(&store).await;
    assert_eq!(claimed.len(), 1);
    let call = claimed[0].clone();
    assert_eq!((&*call.json, &*call.call_uuid), ("{\"call\":\"a\"}", "a"));
    assert!(call.remaining > WAIT / 2 && call.remaining <= WAIT);
    assert!(claim_all(&store).await.is_empty(), "it is leased");

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
    let calls = store.calls(&search).await.expect("calls");
    assert!(calls[0].summary.incomplete);
    assert!(calls[0].history.contains("recordingUrls"));

    // An instance that finishes the call later does not make it wait again.
    store.finish_call(waiting("a")).await.expect("finished");
    assert_eq!(store.unpublished().await.expect("counted"), 0);
}

pub async fn a_call_that_waits_is_taken_over_when_its_lease_ends(factory: &impl Factory) {
    let start = Duration::from_secs(1_000);
    let store = factory.open(Role::Serve, Clock::tokio(start)).await;
    store.finish_call(waiting("a")).await.expect("finished");
    let lost = claim_all(&store).await;
    tokio::time::advance(LEASE / 2).await;
    assert!(store.postpone(&lost[0], LEASE).await.expect("prolonged"));
    tokio::time::advance(LEASE - Duration::from_secs(1)).await;
    assert!(claim_all(&store).await.is_empty());
    tokio::time::advance(Duration::from_secs(1)).await;
    let next = claim_all(&store).await;
    assert_eq!(next[0].waited, LEASE + LEASE / 2);
    assert_eq!(next[0].remaining, WAIT - next[0].waited);
    let late = store.publish(lost[0].clone(), published("a")).await;
    assert!(!late.expect("asked"), "another has it");
    assert!(all(&store).await.is_empty());
    // The call is given back until then.
    let given = store.postpone(&next[0], Duration::from_secs(5)).await;
    assert!(given.expect("given back"));
    assert!(claim_all(&store).await.is_empty());
    tokio::time::advance(WAIT).await;
    assert_eq!(
        claim_all(&store).await[0].remaining,
        Duration::ZERO,
        "it is over"
    );
}

pub async fn calls_that_a_predecessor_had_leased_are_free_at_the_start(factory: &impl Factory) {
    let store = serve(factory).await;
    store.finish_call(waiting("a")).await.expect("finished");
    assert_eq!(claim_all(&store).await.len(), 1);
    store.close().await;
    let store = serve(factory).await;
    assert_eq!(claim_all(&store).await.len(), 1);
}
