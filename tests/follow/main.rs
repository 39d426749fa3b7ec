//! From port 8021 of a switch to the documents at the webhooks: the whole service, with a
//! switch that plays what was captured on a real one.

// What is not as a test needs it is to fail the test.
#![allow(clippy::unwrap_used)]

#[path = "../support/anew.rs"]
mod anew;
#[path = "../support/events.rs"]
mod events;
#[path = "../support/golden.rs"]
mod golden;
#[path = "../support/inbox.rs"]
mod inbox;
#[path = "../support/log.rs"]
mod log;
#[path = "../support/made.rs"]
mod made;
#[path = "../support/port8021.rs"]
mod port8021;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/s3.rs"]
mod s3;
#[path = "../support/settings.rs"]
mod settings;

mod away;
mod documents;
mod gaps;
mod link;
mod memory;
mod recordings;
mod repair;
mod rolling;
mod several;
mod stage;
mod storing;
mod tenants;
mod uploads;
mod uploads_s3;
