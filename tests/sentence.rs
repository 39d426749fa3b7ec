//! What the log says: why a caller took line 1 reads as everywhere else, a limit that was hit
//! is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

#[path = "sentence/everywhere.rs"]
mod everywhere;
#[path = "sentence/limits.rs"]
mod limits;
#[path = "support/log.rs"]
mod log;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/place.rs"]
mod place;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/running.rs"]
mod running;
#[path = "support/switch.rs"]
mod switch;
