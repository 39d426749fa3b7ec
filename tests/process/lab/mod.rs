//! Tests the lab itself: its switch behaves like a real one, and its checks find what is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bridge;
mod common;
mod documents;
mod events;
mod inbound;
mod load;
mod port;
mod receiver;
mod run;
mod serve;
mod standing;
mod switch;
mod switch_replay;
