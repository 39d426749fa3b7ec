//! Switchhook: a FreeSWITCH Event Socket service that holds a live call while it
//! asks an HTTP webhook, and delivers one document for every call that is over.
//!
//! Three things must never happen: an answer that runs code on the switch, a caller
//! left on hold, a lost call record.
//!
//! # The ways of the data
//!
//! ```text
//! socket | park -> takeover -> call::session -> webhook -> call::variables -> eslclient -> line 0 | 1
//! hangup -> follow -> call::ledger -> call::details -> store (one transaction) -> outbox -> webhook
//! ```
//!
//! # The house
//!
//! | Room | What it is |
//! |---|---|
//! | [`call`] | what is decided, pure: the session on hold, variables and what makes them inert, legs, ledger, documents |
//! | [`eslclient`] | the Event Socket, both ways; knows nothing of webhooks |
//! | [`webhook`] | one HTTP request: templates, egress rule, one deadline, what the answer says |
//! | [`store`] | what is remembered, in SQLite or PostgreSQL; every write acknowledged after its commit |
//! | [`takeover`] | calls that the switch hands over, to a socket or parked, on hold until their webhook has answered |
//! | [`follow`] | port 8021 of every switch: the events of every leg, and the CDRs of what ended unseen |
//! | [`outbox`], [`retry`], [`signing`] | deliveries: leases, the schedule, Standard Webhooks |
//! | [`report`] | calls and kept answers as table, CSV, JSON |
//! | [`ops`] | health, metrics and the operator's page over HTTP |
//! | [`meter`], [`board`] | the names of what is counted; what goes on now and has just ended |
//! | [`recorder`], [`replay`] | what was said in a call, in one file, and the same call again in virtual time |
//! | [`lab`] | a simulated FreeSWITCH, a webhook that fails in every way, a load generator |
//! | [`config`] | `switchhook.toml`, every fault with its line |
//! | [`service`] | puts the parts together, starts and drains them |
//!
//! Imports run one way: the program -> `service` -> {`takeover`, `follow`, `outbox`, `ops`,
//! `lab`} -> {`webhook`, `store`, `eslclient`} -> `call`, which imports nothing of the crate.
//! Only `service` and the program read [`config::Config`]; a part takes its own options.
//! (`config` borrows the parts' plain option types, so that there is one of each.)
//!
//! # Starting and stopping
//!
//! [`service::Service::start`] opens the store, then the outbox, the followers of the
//! switches, and the Event Socket port last. [`service::Service::stop`] goes the other way:
//! it stops listening (the dialplan's next host gets the next call), lets the calls on hold
//! get their answers, stores what the followers have learnt, lets the deliveries under way
//! end, and closes the store.

pub mod board;
pub mod call;
pub mod config;
pub mod doctor;
pub mod eslclient;
pub mod follow;
pub mod lab;
pub mod meter;
pub mod ops;
pub mod outbox;
pub mod recorder;
pub mod replay;
pub mod report;
pub mod retry;
pub mod service;
pub mod signing;
pub mod store;
pub mod takeover;
pub mod webhook;
