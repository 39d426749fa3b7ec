//! A port is closed and no connection is lost with it.
//!
//! The dialplan asks its next host when connecting fails, and only then: a switch whose
//! connection the kernel took and nobody accepted holds its caller until the way out. Two
//! kinds of them are there when a listener closes: those in its queue, and those whose
//! handshake is half done, which hear nothing at all (Linux: `inet_csk_listen_stop`).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

/// What is left to a handshake that has begun: one way to the switch and back, on any
/// network that a call is steered over.
const HANDSHAKE: Duration = Duration::from_millis(100);
/// Between attempts that fail.
const PAUSE: Duration = Duration::from_millis(10);

/// Closes `listener` after everything that it had begun to take was given to `take`.
///
/// Meanwhile new switches are not refused but not heard: their kernel asks again after a
/// second, is refused then, and they go on to their next host.
pub(crate) async fn close(listener: TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) {
    if let Err(error) = begin_no_more(&listener) {
        debug!(%error, "the port is closed with handshakes under way");
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
    // Asked of the kernel itself: tokio knows only what its last look has told it.
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

/// Has the kernel drop every segment that opens a connection.
///
/// # Errors
/// Where the kernel takes no filter.
#[cfg(target_os = "linux")]
fn begin_no_more(listener: &TcpListener) -> std::io::Result<()> {
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

/// Elsewhere those that connect in the last moment are lost to the way out.
#[cfg(not(target_os = "linux"))]
fn begin_no_more(_: &TcpListener) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
