//! What the operator asks of a running service, over HTTP.

mod guard;
pub mod http;
pub mod records;

pub use guard::Guard;
