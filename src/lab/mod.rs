//! The built-in laboratory: everything around the service, in one process.
//!
//! [`switch`] plays a FreeSWITCH, [`receiver`] a webhook; between them stands the
//! real service, on real sockets. [`run`] places a call of every kind and says what
//! each caller heard, which line it took and what its dialplan was told.

mod config;
mod documents;
pub mod load;
mod outages;
pub mod receiver;
mod report;
mod run;
mod scenarios;
mod stage;
pub mod switch;

pub use self::report::{CallReport, Report};
pub use self::run::{LabError, LabOptions, Service, Started, run};
