//! The lab itself: its switch is as a real one, its checks find what is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bridge;
mod common;
mod documents;
mod inbound;
mod load;
mod port;
mod receiver;
mod run;
mod switch;
mod switch_replay;
