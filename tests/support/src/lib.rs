//! What the tests share: captured calls and what is made of them, peers that play a switch, a
//! receiver or a collector, a service in this process, a PostgreSQL server of the tests' own.
//!
//! | Module | For |
//! |---|---|
//! | [`captures`], [`events`], [`switch_reader`] | the wire of real calls, as frames and as events |
//! | [`anew`], [`made`] | captured events under other identities; events made by a test |
//! | [`facts`], [`golden`], [`ledgers`] | documents that must come out, to the byte |
//! | [`peer`], [`switch`], [`port8021`] | a FreeSWITCH on the outbound socket and on port 8021, played by hand |
//! | [`simulator`] | the simulated switch of the lab |
//! | [`receiver`], [`inbox`], [`collector`], [`s3`] | what the service sends to |
//! | [`http`] | requests to the service |
//! | [`place`], [`running`], [`settings`], [`log`] | a service in this process, its configuration, its log |
//! | [`postgres`], [`lossy`] | a database server that a test may stop, and a lossy way to it |
//! | [`ports`] | ports that nothing else takes |
//! | [`prerequisites`] | programs that some tests need, and what a test does without them |
//! | [`store_suite`], [`outbox_bench`] | what every store must do; an outbox with a receiver that a test scripts |
//! | [`work`] | pieces of work that benchmarks measure |

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

use std::path::{Path, PathBuf};

pub mod anew;
pub mod captures;
pub mod collector;
pub mod events;
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
pub mod port8021;
pub mod ports;
pub mod postgres;
pub mod prerequisites;
pub mod receiver;
pub mod running;
pub mod s3;
pub mod settings;
pub mod store_suite;
pub mod switch;
pub mod switch_reader;
pub mod work;

pub use switchhook_sim::switch as simulator;

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of the captured calls.
pub fn captures_folder() -> PathBuf {
    root().join("crates/eslclient/tests/captures")
}
