//! What the operator asks of a running service, over HTTP: health, metrics, and a page for a
//! person, made here and readable without scripts.

pub mod about;
pub mod board;
mod calls;
pub mod files;
mod filled;
mod guard;
pub mod http;
mod live;
mod metrics;
mod page;
mod pictures;
pub mod records;
mod replay;
mod search;
pub mod trial;
mod words;

pub use guard::Guard;
