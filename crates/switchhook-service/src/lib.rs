//! The running service: calls on hold, the legs of every call, and the deliveries.
//!
//! [`call_control`] holds a call while its webhook answers. [`follow`] reads the events of every leg.
//! `documents` turns a finished call into documents, [`recordings`] makes its recordings reachable,
//! [`outbox`] delivers. [`service`] starts and stops all of them; of these modules, it and `documents`
//! read [`config::Config`], and each of the others takes options of its own.

#![warn(unreachable_pub)]

pub mod call_control;
pub mod config;
mod documents;
pub mod event_feed;
mod event_headers;
pub mod follow;
mod limits;
pub mod listing;
pub mod outbox;
pub mod recorder;
pub mod recordings;
pub mod report;
pub mod retry;
pub mod service;
pub mod traces;
pub mod zoneinfo;
