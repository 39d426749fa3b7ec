//! Calls taken over on real sockets: the test is FreeSWITCH on one side and the webhook
//! on the other.

#[path = "takeover/closing.rs"]
mod closing;
#[path = "takeover/holding.rs"]
mod holding;
#[path = "takeover/leaving.rs"]
mod leaving;
#[path = "takeover/parked.rs"]
mod parked;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/running.rs"]
mod running;
#[path = "support/switch.rs"]
mod switch;
#[path = "takeover/variables.rs"]
mod variables;
