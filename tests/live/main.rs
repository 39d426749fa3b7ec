//! Tests a real FreeSWITCH with the shipped configuration, the real service, and a webhook.
//!
//! The tests are ignored by default, because they need a FreeSWITCH:
//! `SWITCHHOOK_FREESWITCH=/usr/bin/freeswitch cargo test --test live -- --ignored`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

mod audio;
mod call;
mod control;
mod costs;
mod crowd;
mod desk;
mod dialplan;
mod doctor;
mod documents;
mod eslclient;
mod eslclient_examples;
mod events;
mod extensions;
mod failures;
mod fetched;
mod gap;
mod holding;
mod hook_modes;
mod hostile;
mod kinds;
mod leaving;
mod moment;
mod numbers;
mod outcomes;
mod park;
mod phone;
mod phones;
mod receiver;
mod recorded;
mod restart;
mod rtp_receiver;
mod service;
mod settings;
mod shift;
mod shipped;
mod sip;
mod softphones;
mod speed;
mod standing;
mod strangers;
mod switch;
mod tenants;
mod transfers;
mod ways;
