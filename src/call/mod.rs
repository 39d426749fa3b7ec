//! What a call is and what is decided about it. Pure: no socket, no clock, no
//! database, nothing else of this crate. Everything here is tested as a table.

pub mod headers;
pub mod inert;
pub mod outcome;
pub mod session;
pub mod variables;
