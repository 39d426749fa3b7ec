//! The summary of a call for the operator's page, from events of a real switch.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use crate::details::events::of_capture;
use crate::details::ledgers::{calls, documents};
use switchhook_core::call_history::CallHistory;

fn histories(capture: &str) -> Vec<CallHistory> {
    let calls = calls(&of_capture("json_events", capture));
    let documents = documents(&calls);
    let documented = calls.iter().zip(&documents);
    documented
        .map(|(call, document)| CallHistory::of(call, document, &["response_raw".to_owned()]))
        .collect()
}

/// Returns the legs of each conversation, by index, and its length in ms.
fn talks(history: &CallHistory) -> Vec<(usize, usize, i64)> {
    let talks = history.talks.iter();
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
    let histories = histories("inbound-blind-transfer-refer");
    assert_eq!(histories.len(), 1);
    let talks = talks(&histories[0]);
    let pairs: Vec<(usize, usize)> = talks.iter().map(|talk| (talk.0, talk.1)).collect();
    assert_eq!(pairs, [(0, 1), (0, 2)], "{talks:?}");
    assert!(talks.iter().all(|talk| talk.2 > 500), "{talks:?}");
}

#[test]
fn agents_who_only_rang_talked_to_nobody() {
    let histories = histories("outbound-multicast-one-of-three-agents-answers");
    let history = &histories[0];
    assert_eq!(history.legs.len(), 4);
    assert_eq!(history.talks.len(), 1);
    let other = &history.legs[history.talks[0].legs.1];
    assert!(other.answered_us.is_some());
}

#[test]
fn a_story_survives_being_stored_and_hides_what_documents_hide() {
    let histories = histories("inbound-7000-through-hook-and-transfer");
    let text = serde_json::to_string(&histories[0]).unwrap();
    assert_eq!(
        serde_json::from_str::<CallHistory>(&text).unwrap(),
        histories[0]
    );
    assert!(!text.contains("response_raw"));
    let key = |name: &str| histories[0].keys.iter().any(|(key, _)| key == name);
    assert!(key("response_status"), "{text}");
}
