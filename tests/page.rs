//! The operator's page, in a real browser where there is one: on the whole service, between a
//! scripted switch and webhooks.

// What is not as a test needs it is to fail the test.
#![allow(clippy::unwrap_used)]

#[path = "support/anew.rs"]
mod anew;
#[path = "page/browser.rs"]
mod browser;
#[path = "support/events.rs"]
mod events;
#[path = "page/finding.rs"]
mod finding;
#[path = "page/ill.rs"]
mod ill;
#[path = "support/inbox.rs"]
mod inbox;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/port8021.rs"]
mod port8021;
#[path = "page/reading.rs"]
mod reading;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "page/stage.rs"]
mod stage;
#[path = "support/switch.rs"]
mod switch;
#[path = "page/trying.rs"]
mod trying;
#[path = "page/working.rs"]
mod working;
