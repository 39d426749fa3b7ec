//! From port 8021 of a switch to the documents at the webhooks: the whole service, with a switch
//! that plays captures of a real one.

// A failed precondition must fail the test.
#![allow(clippy::unwrap_used)]

use test_support::{anew, events, golden, inbox, log, made, port8021, postgres, s3, settings};

mod away;
#[cfg(feature = "uploads")]
mod clouds;
mod documents;
mod gaps;
mod link;
mod live;
mod memory;
mod night;
mod recordings;
mod repair;
mod rolling;
mod several;
mod stage;
mod storing;
mod tenants;
#[cfg(feature = "uploads")]
mod uploads;
#[cfg(feature = "uploads")]
mod uploads_s3;
