//! The running service: calls on hold, the legs of every call, and the deliveries.

pub mod config;
pub mod follow;
mod limit;
pub mod outbox;
pub mod recorder;
pub mod recordings;
pub mod report;
pub mod retry;
pub mod service;
pub mod takeover;
pub mod traces;
