//! One HTTP webhook: its request from templates, its one deadline, what came back.
//!
//! ```text
//! Options --compile--> Webhook --prepare(call)--> Prepared --Client::ask--> Outcome
//! ```
//!
//! [`compile`] reports every fault of a description at once; [`request`] renders one
//! request; [`egress`] says where it may go; [`client`] sends it and waits; [`answer`]
//! reads what came back.

#![warn(unreachable_pub)]

pub mod answer;
pub mod breakers;
pub mod client;
pub mod compile;
pub mod context;
pub mod egress;
pub mod options;
pub mod redact;
mod request;
pub mod signing;

mod error;
mod json;
mod names;
mod resolve;
mod template;
mod tls;
mod token;
mod url;
mod xml;

pub use client::{Answered, Client, Script, judge};
pub use compile::{CompileError, Webhook};
pub use request::{Call, Prepared};
pub use resolve::{Names, SystemNames};
pub use tls::{Secured, client_builder};
