//! A real FreeSWITCH with the shipped configuration, the real service, and a webhook between them.
//!
//! Ignored unless asked for, since it needs a FreeSWITCH:
//! `SWITCHHOOK_FREESWITCH=/usr/bin/freeswitch cargo test --test live -- --ignored`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

#[path = "live/audio.rs"]
mod audio;
#[path = "live/call.rs"]
mod call;
#[path = "live/control.rs"]
mod control;
#[path = "live/costs.rs"]
mod costs;
#[path = "live/crowd.rs"]
mod crowd;
#[path = "live/dialplan.rs"]
mod dialplan;
#[path = "live/doctor.rs"]
mod doctor;
#[path = "live/documents.rs"]
mod documents;
#[path = "live/ear.rs"]
mod ear;
#[path = "live/failures.rs"]
mod failures;
#[path = "live/gap.rs"]
mod gap;
#[path = "live/holding.rs"]
mod holding;
#[path = "live/hostile.rs"]
mod hostile;
#[path = "live/kinds.rs"]
mod kinds;
#[path = "live/leaving.rs"]
mod leaving;
#[path = "live/park.rs"]
mod park;
#[path = "live/phone.rs"]
mod phone;
#[path = "live/receiver.rs"]
mod receiver;
#[path = "live/recorded.rs"]
mod recorded;
#[path = "live/restart.rs"]
mod restart;
#[path = "live/service.rs"]
mod service;
#[path = "live/shipped.rs"]
mod shipped;
#[path = "live/sip.rs"]
mod sip;
#[path = "live/softphones.rs"]
mod softphones;
#[path = "live/speed.rs"]
mod speed;
#[path = "live/switch.rs"]
mod switch;
