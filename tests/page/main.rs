//! The operator's page in a real browser, if there is one: of the whole service, between a
//! scripted switch and webhooks.

// A failed helper fails its test.
#![allow(clippy::unwrap_used)]

use test_support::{anew, events, inbox, peer, port8021, receiver, routes};

mod access;
mod browser;
mod configuration;
mod failing;
mod filter;
mod fixture;
mod live;
mod outbox;
mod proxies;
mod replay;
mod search;
mod time;
mod validators;
mod views;
mod webhook_test;
