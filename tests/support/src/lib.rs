//! Supports the tests: captured calls and their documents, peers that play a switch, a receiver or a
//! collector, a service in this process, and a PostgreSQL server for the tests.
//!
//! | Module | For |
//! |---|---|
//! | [`captures`], [`events`], [`switch_reader`] | the wire of real calls, as frames and as events |
//! | [`anew`], [`made`] | captured events with new UUIDs; events that a test builds |
//! | [`played`] | captured calls on channels of their own, and what their documents must say |
//! | [`example`] | the examples of eslclient, as programs |
//! | [`facts`], [`golden`], [`ledgers`] | the documents that the service must build, to the byte |
//! | [`peer`], [`switch`], [`port8021`] | a scripted FreeSWITCH on the outbound socket and on port 8021 |
//! | [`simulator`] | the simulated switch of the lab |
//! | [`receiver`], [`inbox`], [`collector`], [`s3`] | the endpoints to which the service sends |
//! | [`http`], [`routes`] | HTTP requests to the service, and to its routes without a port |
//! | [`place`], [`running`], [`settings`], [`log`] | a service in this process, its configuration, its log |
//! | [`postgres`], [`lossy`] | a database server that a test may stop, and a lossy connection to it |
//! | [`ports`] | ports that no other program takes |
//! | [`prerequisites`] | programs that some tests need, and how a test behaves without them |
//! | [`store_suite`], [`outbox_bench`] | the tests that every store must pass; an outbox with a receiver that a test scripts |
//! | [`work`] | the work that benchmarks measure |

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

use std::path::{Path, PathBuf};

/// A complete WAV file, by its header.
pub const SOUND: &[u8] = b"RIFF\x12\0\0\0WAVEfmt 0123456789";

pub mod anew;
pub mod captures;
pub mod collector;
pub mod events;
pub mod example;
pub mod facts;
pub mod golden;
pub mod http;
pub mod inbox;
pub mod ledgers;
pub mod log;
pub mod lossy;
pub mod made;
pub mod outbox_bench;
pub mod peer;
pub mod place;
pub mod played;
pub mod port8021;
pub mod ports;
pub mod postgres;
pub mod prerequisites;
pub mod receiver;
pub mod routes;
pub mod running;
pub mod s3;
pub mod settings;
pub mod store_suite;
pub mod switch;
pub mod switch_reader;
pub mod work;

pub use switchhook_sim::receiver::Silent;
pub use switchhook_sim::switch as simulator;

/// Returns the folder of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns the folder of the captured calls.
pub fn captures_folder() -> PathBuf {
    root().join("crates/eslclient/tests/captures")
}
