//! Why the service did not start.

use std::io;
use std::net::SocketAddr;

use crate::call_control;
use crate::config::Diagnostics;
use crate::traces;
use switchhook_store::StoreError;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error("{0}")]
    Config(#[from] Diagnostics),
    /// The service cannot listen on an address.
    #[error("cannot listen on {address} ({key}): {error}; is another switchhook running?")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The metrics recorder cannot be installed.
    #[error("the metrics cannot start: {0}")]
    Metrics(String),
    /// The trace exporter cannot be made.
    #[error(transparent)]
    Traces(#[from] traces::ExporterError),
    /// An answerer names a variable that cannot exist.
    #[error(transparent)]
    Answerer(#[from] call_control::InvalidVariableName),
    /// An answerer has the name of a webhook.
    #[error("both Rust code and [webhooks.{0}] would answer; give one of them another name")]
    AnsweredTwice(String),
}
