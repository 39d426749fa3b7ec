//! Ports for whoever must be called by nobody but his own callers.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// Bound to none of the ports that the system gives out (Linux: 32768 to 60999): whoever gave
/// one of those back may still be called there by a program that does not know, and whoever
/// calls here must not reach another test when this one is over.
pub fn bound() -> (TcpSocket, SocketAddr) {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], fastrand::u16(10_000..32_000)));
        let socket = TcpSocket::new_v4().unwrap();
        if socket.bind(address).is_ok() {
            return (socket, address);
        }
    }
}
