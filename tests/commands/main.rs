//! The operator's commands as they are run: the real program over a store filled through
//! the library, alone and beside a running `serve`.

mod alone;
mod backtest;
mod beside;
mod crowd;
mod keeping;
#[path = "../support/peer.rs"]
mod peer;
mod reports;
mod secrets;
mod support;
#[path = "../support/switch.rs"]
mod switch;
mod unread;
