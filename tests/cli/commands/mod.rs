//! The operator's commands as they are run: the real program over a store filled through
//! the library, alone and beside a running `serve`.

use test_support::peer;

mod alone;
mod backtest;
mod beside;
mod crowd;
mod keeping;
mod reports;
mod secrets;
mod support;
mod unread;
