//! What a connection writes and holds, against a scripted switch.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use eslclient::{Command, Connection, Limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::connection::{api_reply, connected, reply};
use crate::far_end::{command, send};

/// A stream that counts its writes.
struct Counted {
    inner: DuplexStream,
    writes: usize,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes += 1;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn all_queued_commands_leave_in_one_write() {
    let (near, mut switch) = duplex(64 * 1024);
    let stream = Counted {
        inner: near,
        writes: 0,
    };
    let mut connection = Connection::new(stream, Limits::default());
    let mut expected = Vec::new();
    for command in [
        Command::set_variable("u-1", "flow.line", "0").unwrap(),
        Command::resume(),
        Command::break_("u-1", true).unwrap(),
        Command::exit(),
    ] {
        command.encode(&mut expected);
        connection.queue(&command);
    }
    assert_eq!(connection.outstanding(), 4);
    connection.flush().await.unwrap();
    assert_eq!(connection.get_ref().writes, 1);
    assert_eq!(connection.unwritten(), 0);
    let mut seen = vec![0; expected.len()];
    switch.read_exact(&mut seen).await.unwrap();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffer_and_is_small() {
    assert!(size_of::<Connection<tokio::net::TcpStream>>() <= 300);
    let (mut connection, mut switch) = connected(64 * 1024);
    connection.queue(&Command::api("status", "").unwrap());
    connection.flush().await.unwrap();
    command(&mut switch).await;
    send(&mut switch, &api_reply(&"x".repeat(20_000))).await;
    assert_eq!(reply(&mut connection).await.1.text().len(), 20_000);
    assert_eq!(connection.memory(), 0);
    let waiting = tokio::time::timeout(Duration::ZERO, connection.next()).await;
    assert!(waiting.is_err());
    assert_eq!(connection.memory(), 0);
}

#[tokio::test]
async fn commands_larger_than_the_pipe_leave_while_replies_arrive() {
    let (mut connection, mut switch) = connected(64);
    let text = "x".repeat(1000);
    for _ in 0..20 {
        connection.queue(&Command::api("echo", &text).unwrap());
    }
    let server = tokio::spawn(async move {
        for _ in 0..20 {
            let seen = command(&mut switch).await;
            // This switch reads on only after its reply was read.
            send(&mut switch, &api_reply(&seen)).await;
        }
    });
    for _ in 0..20 {
        assert_eq!(reply(&mut connection).await.1.text().len(), 1011);
    }
    server.await.unwrap();
}
