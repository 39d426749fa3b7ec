//! The HTTP interface for operators: health, readiness, metrics, and a page for a person.
//!
//! The server makes the page. It can be read without scripts. [`http`] has the routes,
//! [`state`] what every handler reads. Nothing imports the router.

#![warn(unreachable_pub)]

pub mod access;
mod attempts;
mod audit;
mod base_path;
mod call_entry;
mod calls;
pub mod cdr_receiver;
mod chart;
pub mod config_summary;
pub mod configuration;
pub mod endpoint_status;
mod format;
mod gate;
mod guard;
pub mod http;
pub mod listener;
pub mod live_calls;
mod login;
mod metrics;
pub mod monitoring;
mod page;
mod search;
mod shared_result;
mod sse;
pub mod state;
mod svg;
pub mod webhook_tester;

pub use guard::{Guard, SharedGuard};
