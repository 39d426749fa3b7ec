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
//!                        with recordings to wait for: store -> recordings -> call::details -> store
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
//! | [`call_control`] | calls that the switch hands over, to a socket or parked, on hold until their webhook has answered |
//! | [`follow`] | port 8021 of every switch: the events of every leg, and the CDRs of what ended unseen |
//! | [`outbox`], [`retry`], [`signing`] | deliveries: leases, the schedule, Standard Webhooks |
//! | [`recordings`] | where a call's recordings can be fetched: served, or uploaded; the wait until they can be |
//! | [`report`] | calls and kept answers as table, CSV, JSON |
//! | [`ops`] | health, metrics and the operator's page over HTTP |
//! | [`breakers`] | webhooks that fail in a row and are left alone for a while |
//! | [`metric_names`], [`live_calls`] | the names of what is counted; what goes on now and has just ended |
//! | [`traces`] | what a call went through, as OpenTelemetry spans for a collector |
//! | [`recorder`], [`replay`], [`backtest`] | what was said in a call, in one file; the same call again in virtual time; a changed configuration over what is kept |
//! | [`lab`] | a simulated FreeSWITCH, a webhook that fails in every way, a load generator |
//! | [`config`] | `switchhook.toml`, every fault with its line |
//! | [`service`] | puts the parts together, starts and drains them |
//!
//! Imports run one way: the program -> `service` -> {`call_control`, `follow`, `outbox`,
//! `recordings`, `ops`, `lab`} -> {`webhook`, `store`, `eslclient`} -> `call`, which imports nothing of the crate.
//! Only `service` and the program read [`config::Config`]; a part takes its own options.
//! (`config` borrows the parts' plain option types, so that there is one of each.)
//!
//! # As a library
//!
//! A program of your own can answer calls in Rust instead of HTTP, with everything else of the
//! service around it: an [`call_control::Answerer`] has a name, as a webhook has.
//!
//! ```
//! use std::sync::Arc;
//! use switchhook::call::outcome::{Failure, Mapped, Reason};
//! use switchhook::config::Config;
//! use switchhook::service::{Answerers, Service};
//! use switchhook::call_control::{Answer, Answerer, Question};
//!
//! struct Lookup;
//!
//! impl Answerer for Lookup {
//!     fn names(&self) -> Vec<String> {
//!         vec!["customer_name".into()]
//!     }
//!
//!     fn answer(self: Arc<Self>, call: Question) -> Answer {
//!         Box::pin(async move {
//!             match call.caller.as_str() {
//!                 "919822003887" => Ok(vec![Mapped::text("customer_name", "Ann")]),
//!                 other => Err(Failure::new(Reason::InvalidFlowVar, format!("{other} is nobody's number"))),
//!             }
//!         })
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//!     // In earnest: esl = "127.0.0.1:8084", or Config::load.
//!     let text = "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"";
//!     let answerers = Answerers::from([("lookup".into(), Arc::new(Lookup) as Arc<dyn Answerer>)]);
//!     let service = Service::start_with(&Config::parse(text, "embedded")?, answerers).await?;
//!     // The dialplan says: socket 127.0.0.1:8084/lookup async full. Here a simulated switch does.
//!     let switch = switchhook::lab::switch::Switch::new("lab", Default::default());
//!     let hosts = vec![service.esl.to_string()];
//!     let call = switch.place(switchhook::lab::switch::Call { hosts, ..Default::default() }).await;
//!     assert_eq!((call.line, call.variables["flow.key.customer_name"].as_str()), (Some(0), "Ann"));
//!     service.stop().await; // in earnest: on SIGTERM
//!     Ok(())
//! }
//! ```
//!
//! # Starting and stopping
//!
//! [`service::Service::start`] opens the store, then the outbox, the followers of the
//! switches, and the Event Socket port last. [`service::Service::stop`] goes the other way:
//! it stops listening (the dialplan's next host gets the next call), lets the calls on hold
//! get their answers, stores what the followers have learnt, lets the deliveries under way
//! end, and closes the store.

pub use eslclient;
pub use switchhook_admin::{self as ops, live_calls};
pub use switchhook_core::{self as call, clock, health, metric_names, secret};
pub use switchhook_service::{
    call_control, config, follow, outbox, recorder, recordings, report, retry, service, traces,
};
pub use switchhook_sim as lab;
pub use switchhook_store as store;
pub use switchhook_tools::{backtest, doctor, replay};
pub use switchhook_webhook::{self as webhook, breakers, signing};
