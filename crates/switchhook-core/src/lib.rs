//! What a call is and what is decided about it. Pure: no socket, no clock, no
//! database, nothing else of this crate. Everything here is tested as a table.

#![warn(unreachable_pub)]

pub mod breaker;
pub mod call_history;
pub mod cdr;
pub mod clock;
pub mod details;
pub mod finished_call;
mod flow_vars;
pub mod headers;
pub mod health;
pub mod ledger;
pub mod leg;
mod links;
pub mod log_throttle;
pub mod mask;
pub mod metric_names;
pub mod metrics_reader;
mod numbers;
pub mod ordered_map;
pub mod outcome;
pub mod recording;
pub mod sanitize;
pub mod secret;
pub mod session;
pub mod tenants;
pub mod timestamp;
pub mod variables;
