//! What a call is and what is decided about it. Pure: no socket, no clock, no
//! database, nothing else of this crate. Everything here is tested as a table.

pub mod breaker;
pub mod cdr;
pub mod clock;
pub mod details;
pub mod figures;
pub mod flow_vars;
pub mod headers;
pub mod health;
pub mod inert;
pub mod ledger;
pub mod leg;
pub mod links;
pub mod mask;
pub mod meter;
pub mod moment;
pub mod numbers;
pub mod outcome;
pub mod pairs;
pub mod recording;
pub mod secret;
pub mod session;
pub mod sparing;
pub mod story;
pub mod tenants;
pub mod variables;
pub mod whole;
