//! The store's conformance suite: what every driver must do.
//!
//! Each requirement is a function over a [`Factory`]. A driver's test file makes them its tests
//! with [`conformance!`](crate::conformance).

mod access;
mod delivery;
mod events;
mod finding;
mod keeping;
mod operation;
mod stats;
mod together;
mod unpublished;

use std::time::Duration;

pub use access::*;
pub use delivery::*;
pub use events::*;
pub use finding::*;
pub use keeping::*;
pub use operation::*;
pub use stats::*;
use switchhook_store::{
    AttemptResult, CallFilter, CallSearch, CallSummary, Caller, ClaimRequest, ClaimedDocument,
    Clock, DeliveryOutcome, DocumentFilter, DocumentState, FinishedCallRecord, FinishedChannel,
    NewDocument, PersistedResponse, ReportCursor, Retention, Role, Store, StoreError, StoredLeg,
    asked_line, new_id,
};
pub use together::*;
pub use unpublished::*;

/// Opens stores on one database.
pub trait Factory: Send + Sync {
    /// Opens the store once more, as another process would.
    fn open(&self, role: Role, clock: Clock) -> impl Future<Output = Store> + Send;
}

pub const LEASE: Duration = Duration::from_secs(90);

pub fn leg(call: &str, leg: &str) -> StoredLeg {
    StoredLeg {
        switch: "pbx-1".into(),
        call_id: call.into(),
        leg_uuid: leg.into(),
        created_us: None,
        known: 0,
        json: format!("{{\"leg\":\"{leg}\"}}"),
    }
}

/// Returns a finished call with a document for each of `webhooks`.
pub fn finished(call: &str, legs: &[&str], webhooks: &[&str]) -> FinishedCallRecord {
    let body = |webhook: &&str| format!("{{\"call\":\"{call}\",\"for\":\"{webhook}\"}}");
    FinishedCallRecord {
        switch: "pbx-1".into(),
        call_uuid: call.into(),
        created_us: 1_000_000,
        legs: legs.iter().map(|leg| (*leg).to_owned()).collect(),
        channels: Vec::new(),
        documents: webhooks
            .iter()
            .map(|webhook| NewDocument::document(webhook, "outbound", call, body(webhook)))
            .collect(),
        summary: Some(summary("outbound", 1_000)),
        history: String::new(),
        asked: String::new(),
        unpublished: None,
        events: Vec::new(),
    }
}

pub fn summary(flow: &str, started_ms: i64) -> CallSummary {
    CallSummary {
        account: "acme".into(),
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

pub async fn claim(store: &Store, endpoint: &str, limit: u32) -> Vec<ClaimedDocument> {
    let want = ClaimRequest {
        endpoint: endpoint.into(),
        limit,
    };
    store.claim(vec![want], LEASE).await.expect("claim")
}

pub async fn all(store: &Store) -> Vec<switchhook_store::DocumentRow> {
    store
        .documents(&DocumentFilter::default(), 1_000_000)
        .await
        .expect("list")
}

pub async fn settle(
    store: &Store,
    claimed: &ClaimedDocument,
    settled: DeliveryOutcome,
) -> Result<(), StoreError> {
    let report = AttemptResult {
        took: Duration::from_millis(20),
        status: Some(if settled == DeliveryOutcome::Delivered {
            200
        } else {
            500
        }),
        error: None,
    };
    store.settle(claimed.lease.clone(), settled, report).await
}

pub fn again(wait_s: u64) -> DeliveryOutcome {
    DeliveryOutcome::Retry {
        wait: Duration::from_secs(wait_s),
        not_before: Duration::ZERO,
    }
}

async fn serve(factory: &impl Factory) -> Store {
    factory.open(Role::Serve, Clock::Database).await
}

/// Makes a test of each requirement. The factory is an `Option`; `None` skips the tests.
#[macro_export]
macro_rules! conformance {
    ($factory:expr) => {
        $crate::tests_of! { #[tokio::test] $factory;
            legs_are_stored_updated_and_loaded_after_a_restart
            a_finished_call_swaps_its_legs_for_its_documents
            a_call_that_is_finished_twice_keeps_its_first_document
            a_unique_id_that_is_given_again_has_a_document_and_a_row_for_each_call
            how_far_cdrs_were_read_outlasts_a_restart_and_never_goes_back
            a_widgets_requests_are_all_kept_with_their_own_content
            calls_are_listed_newest_first_and_found_by_their_history
            calls_are_found_by_what_their_rows_say
            pages_of_found_calls_have_each_call_once
            every_attempt_has_the_same_id_and_bytes
            two_claimers_never_get_the_same_document
            a_stale_token_settles_nothing_and_is_reported
            what_was_settled_is_in_the_list_and_the_history
            the_history_keeps_the_last_fifty_attempts
            a_paused_endpoint_is_not_claimed_until_it_is_resumed
            an_operator_lets_an_endpoint_be_tried_now_with_one_document
            what_an_operator_discards_is_given_up_first_and_deleted_then
            a_kept_response_belongs_to_the_call_of_its_leg
            parties_and_answers_are_listed_of_the_selected_calls
            news_of_an_insert_reaches_all_that_registered_before_it
            text_with_a_nul_is_stored_and_found_again
            a_caller_is_found_and_forgotten_everywhere
            what_is_no_copy_is_refused
            a_call_waits_for_its_recordings_and_is_exchanged_for_its_documents_once
            counts_of_several_instances_add_up_and_outlast_a_restart
            values_that_are_too_many_are_counted_together
            an_event_is_stored_once_and_numbered_in_its_call
            what_stands_for_a_gap_is_not_stored_if_another_saw_everything
            the_last_events_come_with_the_end_of_the_call
            an_account_finds_its_own_calls_and_documents_alone
            the_audit_is_read_newest_first_and_by_its_target
            a_flood_of_refusals_pushes_no_action_out
            events_are_read_by_their_position_and_the_newest_first
            calls_that_end_at_once_are_stored_as_if_each_came_alone
        }
        $crate::tests_of! { #[tokio::test(start_paused = true)] $factory;
            a_leased_document_is_nobody_elses_until_the_lease_ends
            a_backlog_is_pulled_forward_but_not_before_its_time
            replay_gives_a_fresh_schedule_at_a_rate
            a_filter_finds_by_id_state_endpoint_and_time
            counts_are_kept_as_long_as_their_span_says
            only_what_was_delivered_long_ago_is_removed
            calls_and_answers_are_removed_when_they_are_old
            what_was_finished_is_remembered_for_an_hour
            a_call_that_waits_is_taken_over_when_its_lease_ends
            an_event_waits_for_the_one_before_it_but_not_for_ever
            an_event_that_is_too_old_expires_and_can_be_sent_again
            old_entries_of_the_audit_are_removed
        }
    };
}

/// Makes tests of these requirements.
#[macro_export]
macro_rules! tests_of {
    (#[$test:meta] $factory:expr; $($name:ident)*) => {$(
        #[$test]
        async fn $name() {
            let Some(factory) = $factory else { return };
            $crate::store_suite::$name(&factory).await;
        }
    )*};
}
