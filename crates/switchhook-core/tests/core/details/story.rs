//! What is kept of a call for the operator's page, from what a real switch sent.

// What is not as a test needs it is to fail the test.
#![allow(clippy::unwrap_used)]

use crate::details::events::of_capture;
use crate::details::ledgers::{calls, documents};
use switchhook_core::call_history::CallHistory;

fn stories(capture: &str) -> Vec<CallHistory> {
    let calls = calls(&of_capture("json_events", capture));
    let documents = documents(&calls);
    let told = calls.iter().zip(&documents);
    told.map(|(call, document)| CallHistory::of(call, document, &["response_raw".to_owned()]))
        .collect()
}

/// Who talked to whom, by their places, and for how many ms.
fn talks(story: &CallHistory) -> Vec<(usize, usize, i64)> {
    let talks = story.talks.iter();
    talks
        .map(|talk| {
            (
                talk.legs.0,
                talk.legs.1,
                (talk.until_us - talk.from_us) / 1_000,
            )
        })
        .collect()
}

#[test]
fn after_a_blind_transfer_the_customer_talked_to_one_agent_and_then_to_the_other() {
    let stories = stories("inbound-blind-transfer-refer");
    assert_eq!(stories.len(), 1);
    let talks = talks(&stories[0]);
    let who: Vec<(usize, usize)> = talks.iter().map(|talk| (talk.0, talk.1)).collect();
    assert_eq!(who, [(0, 1), (0, 2)], "{talks:?}");
    assert!(talks.iter().all(|talk| talk.2 > 500), "{talks:?}");
}

#[test]
fn agents_who_only_rang_talked_to_nobody() {
    let stories = stories("outbound-multicast-one-of-three-agents-answers");
    let story = &stories[0];
    assert_eq!(story.legs.len(), 4);
    assert_eq!(story.talks.len(), 1);
    let other = &story.legs[story.talks[0].legs.1];
    assert!(other.answered_us.is_some());
}

#[test]
fn a_story_survives_being_stored_and_hides_what_documents_hide() {
    let stories = stories("inbound-7000-through-hook-and-transfer");
    let text = serde_json::to_string(&stories[0]).unwrap();
    assert_eq!(
        serde_json::from_str::<CallHistory>(&text).unwrap(),
        stories[0]
    );
    assert!(!text.contains("response_raw"));
    let key = |name: &str| stories[0].keys.iter().any(|(key, _)| key == name);
    assert!(key("response_status"), "{text}");
}
