//! The whole service on real sockets: limits, hostile peers, reloads, the end, traces.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

use test_support::{collector, peer, place, port8021, receiver, running};

mod confirm;
mod faults;
mod hostile;
mod life;
mod limits;
mod reload;
mod strangers;
mod traces;
mod tries;
