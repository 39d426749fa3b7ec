//! Opens the ports that the service listens on.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::StartError;

/// Listens on `address`, which the setting `key` names.
///
/// # Errors
/// The address cannot be listened on.
pub(super) async fn bind(
    key: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Listen {
            key,
            address,
            error,
        })
}

/// Connections that the kernel holds for the port of calls (Linux: at most `net.core.somaxconn`).
/// When its queue is full, a switch's attempt is dropped and comes again after a second or more:
/// silence for its caller.
const CALLS_QUEUE: u32 = 4096;

/// Listens on `address` for calls.
///
/// # Errors
/// The address cannot be listened on.
pub(super) fn bind_calls(
    key: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, StartError> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let listener = socket.and_then(|socket| {
        // As `TcpListener::bind` does: the port of a service that has just stopped is free.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(CALLS_QUEUE)
    });
    listener.map_err(|error| StartError::Listen {
        key,
        address,
        error,
    })
}

/// Returns the address that a listener got; the configured port may be 0.
///
/// # Errors
/// The system does not say.
pub(super) fn local_address(
    listener: &TcpListener,
    key: &'static str,
) -> Result<SocketAddr, StartError> {
    let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|error| StartError::Listen {
        key,
        address: unspecified,
        error,
    })
}
