//! From events or records of mod_json_cdr to the document of a call.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use test_support::{events, facts, ledgers, made};

mod cdr;
mod further;
mod gaps;
mod goldens;
mod history;
mod holding;
mod ledger;
mod live;
mod lookups;
mod orders;
mod peers;
mod recordings;
mod samples;
mod so_far;
mod two_switches;
mod ways;
