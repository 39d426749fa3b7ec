//! What the operator asks of a running service, over HTTP: health, metrics, and a page for a
//! person, made here and readable without scripts.

#![warn(unreachable_pub)]

mod calls;
pub mod cdr_receiver;
pub mod config_summary;
pub mod files;
mod format;
mod guard;
pub mod http;
pub mod live_calls;
mod metrics;
mod page;
mod replay;
mod search;
mod sse;
mod svg;
mod test_form;
pub mod webhook_test;

pub use guard::Guard;
