//! What the operator asks of a running service, over HTTP: health, metrics, and a page for a
//! person, made here and readable without scripts.

mod calls;
mod figures;
pub mod files;
pub mod http;
<<<<<<< HEAD
mod live;
mod metrics;
mod page;
mod pictures;
mod replay;
mod words;
=======
pub mod records;
>>>>>>> main
