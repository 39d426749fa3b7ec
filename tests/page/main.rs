//! The operator's page, in a real browser where there is one: on the whole service, between a
//! scripted switch and webhooks.

// What is not as a test needs it is to fail the test.
#![allow(clippy::unwrap_used)]

use test_support::{anew, events, inbox, peer, port8021, receiver};

mod browser;
mod finding;
mod ill;
mod reading;
mod stage;
mod trying;
mod working;
