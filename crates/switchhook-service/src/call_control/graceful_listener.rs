//! Closes a port without losing a connection.
//!
//! The dialplan tries its next host only if connecting fails: a switch whose connection the kernel
//! took and no program accepted holds its caller until the way out. When a listener closes there are
//! two kinds of these: connections in its queue, and half-done handshakes, which get no reply at
//! all (Linux: `inet_csk_listen_stop`).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

/// The time left to a handshake that has begun: one round trip to the switch, on any network that
/// calls are controlled over.
const HANDSHAKE: Duration = Duration::from_millis(100);
/// The pause after a failed attempt.
const PAUSE: Duration = Duration::from_millis(10);

/// Closes `listener` after passing every connection that had begun to `take`.
///
/// Meanwhile new connections get no reply. The switch's kernel tries again after a second, is
/// refused then, and the dialplan goes on to its next host.
pub(crate) async fn close(listener: TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) {
    if let Err(error) = drop_new_handshakes(&listener) {
        debug!(%error, "the port is closed with handshakes under way; their calls wait for the way out");
    }
    let end = Instant::now() + HANDSHAKE;
    while let Ok(accepted) = timeout_at(end, listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => take(stream, peer),
            Err(error) => {
                debug!(%error, "a connection cannot be accepted; trying again");
                sleep(PAUSE).await;
            }
        }
    }
    // Accepts directly: tokio knows only what its last poll showed.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream.set_nonblocking(true).map(|()| stream);
        if let Ok(stream) = stream.and_then(TcpStream::from_std) {
            take(stream, peer);
        }
    }
}

/// Makes the kernel drop every segment that opens a connection.
///
/// # Errors
/// The kernel refuses the filter.
#[cfg(target_os = "linux")]
fn drop_new_handshakes(listener: &TcpListener) -> std::io::Result<()> {
    use socket2::{SockFilter, SockRef};

    // Classic BPF, which sees a segment from its TCP header on (Linux: tcp_ipv4.c `tcp_filter`).
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_ANY: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const RST_OR_ACK: u32 = 0x14;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_ANY, 0, 1, RST_OR_ACK),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ])
}

/// On other systems, connections of the last moment are left to the way out.
#[cfg(not(target_os = "linux"))]
fn drop_new_handshakes(_: &TcpListener) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
