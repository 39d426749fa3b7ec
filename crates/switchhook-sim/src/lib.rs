//! The built-in laboratory: everything around the service, in one process.
//!
//! [`switch`] plays a FreeSWITCH, [`receiver`] a webhook; between them stands the
//! real service, on real sockets. [`run()`] places a call of every kind and says what
//! each caller heard, which line it took, what its dialplan was told, and whether the
//! document that it left behind was delivered as it must be.
//!
//! A document is due for every call whose end the switch tells on port 8021. That is every
//! call here: where the connection of `socket` breaks (`switch_resets`, `switch_closes`)
//! the switch itself lives on, and so does what it says of the caller's end.

#![warn(unreachable_pub)]

mod config;
mod documents;
mod harness;
pub mod load;
mod names;
mod options;
mod outages;
pub mod receiver;
mod report;
pub mod run;
mod scenarios;
pub mod switch;

pub use self::options::{LabError, LabOptions, Service, Started};
pub use self::report::{CallReport, LabReport};
pub use self::run::run;
