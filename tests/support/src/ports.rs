//! Reserves ports on which only the intended clients connect.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// Returns a socket bound outside the range of ports that the system assigns (Linux: 32768 to
/// 60999). A program may still call a port that the system assigned earlier. A client of this port
/// must not reach another test after this one ends.
pub fn bound() -> (TcpSocket, SocketAddr) {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], fastrand::u16(10_000..32_000)));
        let socket = TcpSocket::new_v4().unwrap();
        if socket.bind(address).is_ok() {
            return (socket, address);
        }
    }
}

/// Returns an address where no program listens now. A program that is told the address can listen
/// there: the system does not assign its port to somebody else's connection meanwhile.
pub fn unused() -> SocketAddr {
    bound().1
}
