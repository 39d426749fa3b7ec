//! Runs the built-in laboratory: everything around the service, in one process.
//!
//! [`switch`] plays a FreeSWITCH and [`receiver`] plays a webhook. Between them runs the real
//! service, on real sockets. [`run()`] places a call of every kind. It reports what each caller
//! heard, which line the call took, which variables its dialplan saw, and whether the service
//! delivered its document as required.
//!
//! The service owes a document for every call whose end the switch reports on port 8021. That is
//! every call here. When the connection of `socket` breaks (`switch_resets`, `switch_closes`), the
//! switch itself lives on and still reports the caller's end.

#![warn(unreachable_pub)]

mod config;
mod documents;
mod endless;
mod harness;
mod living;
pub mod load;
mod names;
mod options;
mod outages;
pub mod receiver;
mod report;
pub mod run;
mod scenarios;
mod shift;
pub mod switch;

pub use self::endless::{Placed, keep_calling};
pub use self::options::{LabError, LabOptions, Service, Started};
pub use self::report::{COLUMNS as LAB_COLUMNS, CallReport, LabReport};
pub use self::run::{run, scenario_names};
