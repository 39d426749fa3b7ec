//! What a call is and what is decided about it: hold sessions, legs, calls, documents, variables.
//! Also the small parts that every crate shares: secrets, the clock, health, metric names.
//!
//! This crate opens no socket and no database and uses no other crate of the workspace. Functions
//! that decide take the time as an argument; only [`clock`] reads the wall clock.
//!
//! * A call on hold: [`session`] is its state machine, [`outcome`] says how its request ended,
//!   [`variables`] turns that into channel variables, [`sanitize`] makes their text safe.
//! * A call to its end: [`headers`] reads events and [`cdr`] reads CDR files, [`leg`] is one
//!   channel, [`ledger`] joins legs into calls, [`finished_call`] is the result.
//! * Documents: [`details`] builds them, [`call_history`] is the summary for the operator's page,
//!   [`tenants`] finds the account of a call.
//! * Webhooks that fail: [`breaker`].
//! * Shared: [`secret`], [`mask`], [`clock`], [`timestamp`], [`health`], [`log_throttle`],
//!   [`metric_names`], [`metrics_recorder`], [`metrics_reader`], [`ordered_map`].

#![warn(unreachable_pub)]

pub mod breaker;
pub mod call_history;
pub mod cdr;
pub mod clock;
pub mod details;
mod direction;
pub mod finished_call;
mod flow_vars;
pub mod headers;
pub mod health;
pub mod ledger;
pub mod leg;
mod links;
pub mod live_events;
pub mod log_throttle;
pub mod mask;
pub mod metric_names;
pub mod metrics_reader;
pub mod metrics_recorder;
pub mod numbers;
pub mod ordered_map;
pub mod outcome;
pub mod part;
pub mod printable;
pub mod recording;
pub mod sanitize;
pub mod secret;
pub mod session;
pub mod shell;
pub mod stable_hash;
pub mod tenants;
pub mod timestamp;
pub mod variables;
pub mod zone;
