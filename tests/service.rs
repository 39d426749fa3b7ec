//! The whole service on real sockets: limits, rubbish, edits, its end, what it keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

#[path = "support/collector.rs"]
mod collector;
#[path = "service/confirm.rs"]
mod confirm;
#[path = "service/hostile.rs"]
mod hostile;
#[path = "service/life.rs"]
mod life;
#[path = "service/limits.rs"]
mod limits;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/place.rs"]
mod place;
#[path = "support/port8021.rs"]
mod port8021;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/running.rs"]
mod running;
#[path = "support/switch.rs"]
mod switch;
#[path = "service/traces.rs"]
mod traces;
