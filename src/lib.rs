//! Switchhook as a library: the service with Rust code in place of HTTP webhooks.
//!
//! Switchhook holds a live FreeSWITCH call while it asks a webhook, and delivers one document for
//! every finished call. A program of your own can answer calls in Rust, with everything else of the
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
//! # Start and stop
//!
//! [`service::Service::start`] opens the store, then the outbox, the connections to the switches,
//! and the Event Socket port last. [`service::Service::stop`] goes the other way: it stops listening
//! (the next call goes to the dialplan's next host), lets the calls on hold get their answers, stores
//! what is known of the followed calls, lets the deliveries under way end, and closes the store.
//!
//! `docs/architecture.md` describes the crates of the workspace; this one only re-exports what an
//! embedding program needs. The feature `lab`, on by default, adds the simulated switch and the
//! command `switchhook lab`.

pub use switchhook_core as call;
/// The name of [`call_control`] in programs that were written before it had this one.
pub use switchhook_service::call_control as takeover;
pub use switchhook_service::{call_control, config, service};
#[cfg(feature = "lab")]
pub use switchhook_sim as lab;
