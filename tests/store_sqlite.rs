//! The embedded store passes the conformance suite.

#![allow(
    clippy::expect_used,
    reason = "a test that fails says what it expected"
)]

mod store_suite;

use store_suite::Factory;
use switchhook::store::{Clock, Options, Role, Store};

struct SqliteFile(tempfile::TempDir);

impl SqliteFile {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
}

impl Factory for SqliteFile {
    async fn open(&self, role: Role, clock: Clock) -> Store {
        let url = format!("sqlite:{}", self.0.path().join("store.db").display());
        let options = Options {
            clock,
            ..Options::new(url, role)
        };
        Store::open(options).await.expect("opened")
    }
}

conformance! { SqliteFile::new();
    legs_are_stored_updated_and_loaded_after_a_restart
    a_finished_call_swaps_its_legs_for_its_documents
    a_call_that_is_finished_twice_keeps_its_first_document
    a_widgets_requests_are_all_kept_with_their_own_content
    calls_are_told_the_newest_first_and_found_by_their_story
    every_attempt_has_the_same_id_and_bytes
    two_claimers_never_get_the_same_document
    a_stale_token_settles_nothing_and_is_told
    a_predecessors_leases_are_freed_at_the_start
    what_was_settled_is_in_the_list_and_the_history
    the_history_keeps_the_last_fifty_attempts
    a_paused_endpoint_is_not_claimed_until_it_is_resumed
    a_kept_response_belongs_to_the_call_of_its_leg
    news_of_an_insert_reaches_whoever_registered_before_it
}

conformance! { paused SqliteFile::new();
    a_leased_document_is_nobody_elses_until_the_lease_ends
    a_backlog_is_pulled_forward_but_not_before_its_time
    replay_gives_a_fresh_schedule_at_a_rate
    a_filter_finds_by_id_state_endpoint_and_time
    only_what_was_delivered_long_ago_is_removed
}
