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
    #[error("cannot listen on {address} ({key}): {error}; {}", listen_help(error))]
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

/// Returns the cure for an address that cannot be listened on.
fn listen_help(error: &io::Error) -> &'static str {
    const CURES: [(io::ErrorKind, &str); 3] = [
        (io::ErrorKind::AddrInUse, "is another switchhook running?"),
        (
            io::ErrorKind::AddrNotAvailable,
            "this machine does not have the address; choose one of its own, or 0.0.0.0 for all",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "a port below 1024 needs CAP_NET_BIND_SERVICE; choose a higher port",
        ),
    ];
    let cure = CURES.iter().find(|(kind, _)| *kind == error.kind());
    cure.map_or("choose another address or port", |(_, cure)| cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_is_that_of_the_systems_error() {
        for (kind, words) in [
            (io::ErrorKind::AddrInUse, "another switchhook"),
            (io::ErrorKind::AddrNotAvailable, "does not have the address"),
            (io::ErrorKind::PermissionDenied, "below 1024"),
            (io::ErrorKind::Other, "choose another address"),
        ] {
            let error = StartError::Listen {
                key: "listen.http",
                address: SocketAddr::from(([192, 0, 2, 1], 80)),
                error: kind.into(),
            };
            let text = error.to_string();
            assert!(text.contains(words), "{text}");
            assert_eq!(
                text.contains("is another"),
                kind == io::ErrorKind::AddrInUse
            );
        }
    }
}
