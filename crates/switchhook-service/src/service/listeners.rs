//! Opens the ports that the service listens on.

use std::net::SocketAddr;

use tokio::net::TcpListener;

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
