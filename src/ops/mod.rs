//! What the operator asks of a running service, over HTTP: health, metrics, and a page for a
//! person, made here and readable without scripts.

mod calls;
mod figures;
pub mod files;
mod guard;
pub mod http;
mod live;
mod metrics;
mod page;
mod pictures;
pub mod records;
mod replay;
pub mod trial;
mod words;

pub use guard::Guard;
