//! The running service: calls on hold, the legs of every call, and the deliveries.

#![warn(unreachable_pub)]

pub mod call_control;
pub mod config;
pub mod follow;
mod limits;
pub mod outbox;
pub mod recorder;
pub mod recordings;
pub mod report;
pub mod retry;
pub mod service;
pub mod traces;
