//! The operator's tools: `doctor` checks an installation, `replay` plays recorded calls again, and
//! `backtest` tests a changed configuration with stored calls.
//!
//! None of them takes a call, and only `doctor` opens connections to switches and webhooks.

#![warn(unreachable_pub)]

pub mod backtest;
pub mod doctor;
pub mod replay;
