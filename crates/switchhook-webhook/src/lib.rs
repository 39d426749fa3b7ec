//! One HTTP webhook: its request from templates, its one deadline, what came back.
//!
//! ```text
//! Options --compile--> Webhook --prepare(call)--> Prepared --Client::ask--> Outcome
//! ```
//!
//! [`compile`] reports every fault of a description at once; [`request`] renders one
//! request; [`egress`] says where it may go; [`client`] sends it and waits; [`response`]
//! reads what came back.

#![warn(unreachable_pub)]

pub mod breakers;
pub mod client;
pub mod compile;
mod compile_error;
pub mod context;
pub mod egress;
pub mod options;
pub mod redact;
mod request;
pub mod response;
pub mod signing;

mod error;
mod json;
mod prepared;
mod resolve;
mod template;
mod template_names;
mod tls;
mod token;
mod url;
mod value_marks;
mod xml;

pub use client::{Client, OutcomeSource, ResponseMeta, evaluate_response};
pub use compile::Webhook;
pub use compile_error::CompileError;
pub use prepared::Prepared;
pub use request::CallContext;
pub use resolve::{NameLookup, SystemLookup};
pub use tls::CompiledTls;
