//! Occupies an address that takes no connection, as one behind a firewall that drops packets.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// Connections that the kernel may queue before it drops further ones; it decides how many more.
const QUEUE: u32 = 1;
/// A connection on loopback that takes this long is not taken.
const SILENCE: Duration = Duration::from_millis(300);
/// Most connections that fill the queue.
const MAX_QUEUED: usize = 64;

/// A listener that accepts nothing and whose queue is full, until it is dropped.
#[derive(Debug)]
pub struct Silent {
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl Silent {
    /// Occupies the address.
    ///
    /// # Errors
    /// Returns an error if the address is not of this machine, or is taken.
    pub async fn at(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(QUEUE)?;
        let mut queued = Vec::new();
        while queued.len() < MAX_QUEUED
            && let Ok(connected) = timeout(SILENCE, TcpStream::connect(address)).await
        {
            queued.push(connected?);
        }
        Ok(Self {
            _listener: listener,
            _queued: queued,
        })
    }
}
