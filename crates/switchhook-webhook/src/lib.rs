//! HTTP webhooks: builds a request from templates, sends it under one deadline, and reads the
//! response.
//!
//! ```text
//! WebhookOptions --compile--> Webhook --prepare(call)--> Prepared --Client::send--> Outcome
//! ```
//!
//! * Configuration: [`options`] are plain values, [`compile`] compiles them and reports every
//!   error at once.
//! * Request: `request` renders templates over a call; [`context`] holds the values they see;
//!   `template`, `url`, `json` and `xml` escape each value for its place.
//! * Network: [`client`] sends; [`egress`] decides which addresses are allowed, `resolve` applies
//!   that to names; `tls` and `token` add TLS settings and OAuth 2.0 tokens.
//! * Response: [`response`] maps values to variables; `error`, [`io_fault`] and [`TlsFault`] turn faults
//!   into sentences.
//! * Also: [`breakers`] stop requests to failing webhooks, [`signing`] signs documents,
//!   [`redact`] hides secrets from readers.

#![warn(unreachable_pub)]

pub mod breakers;
pub mod client;
mod comparisons;
pub mod compile;
mod compile_error;
pub mod context;
pub mod egress;
pub mod io_fault;
pub mod options;
pub mod redact;
mod request;
pub mod response;
pub mod retry_after;
pub mod signing;

mod addresses;
mod broken;
mod connection_watch;
mod error;
mod expiry;
mod http2;
mod idempotency_key;
mod json;
mod pattern;
mod prepared;
mod proxy_fault;
mod resolve;
mod template;
mod template_names;
mod template_numbers;
mod tls;
mod tls_fault;
mod token;
mod url;
mod value_marks;
mod xml;

pub use client::{
    Client, OutcomeSource, ResponseMeta, SendContext, decode_content, evaluate_response,
};
pub use compile::Webhook;
pub use compile_error::CompileError;
pub use prepared::Prepared;
pub use request::CallContext;
pub use resolve::{NameLookup, SystemLookup};
pub use tls::{CompiledTls, client_builder, forget_certificates};
pub use tls_fault::TlsFault;
