//! The whole service on real sockets: limits, rubbish, edits, its end, what it keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

use test_support::{collector, peer, place, port8021, receiver, running};

mod confirm;
mod hostile;
mod life;
mod limits;
mod traces;
