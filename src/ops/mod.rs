//! What the operator asks of a running service, over HTTP.

pub mod http;
pub mod records;
