//! A stream whose writes fail if the peer does not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The bytes that a peer must take in each window, once it has made a write wait.
const LEAST: usize = 16 * 1024;

/// A stream whose writes fail if the peer takes less than 16 KiB in a window of time.
pub(super) struct WriteDeadline<S> {
    stream: S,
    window: Duration,
    /// The end of the window that began when a write had to wait.
    ends: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl<S> WriteDeadline<S> {
    pub(super) const fn new(stream: S, window: Duration) -> Self {
        Self {
            stream,
            window,
            ends: None,
            taken: 0,
        }
    }

    /// Notes the result of a write, and ends the wait for a peer that does not read.
    fn check(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.taken += bytes;
                if self.taken >= LEAST {
                    self.ends = None;
                }
                written
            }
            Poll::Ready(Err(_)) => written,
            Poll::Pending => {
                let ends = self.ends.get_or_insert_with(|| {
                    self.taken = 0;
                    Box::pin(sleep(self.window))
                });
                match ends.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteDeadline<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.check(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server flushes when everything is written: no window goes on.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ends = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    const WINDOW: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_ends_the_connection_after_the_window() {
        let (near, _far) = duplex(1024);
        let mut stream = WriteDeadline::new(near, WINDOW);
        let began = Instant::now();
        let error = stream.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), WINDOW.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_keeps_its_connection_and_a_dripping_one_loses_it() {
        for (bytes, lasts) in [(LEAST, true), (100, false)] {
            let (near, mut far) = duplex(1024);
            let mut stream = WriteDeadline::new(near, WINDOW);
            let reader = tokio::spawn(async move {
                let mut buffer = vec![0; bytes];
                while far.read_exact(&mut buffer).await.is_ok() {
                    sleep(WINDOW / 2).await;
                }
            });
            let written = stream.write_all(&vec![0; 8 * LEAST]).await;
            assert_eq!(written.is_ok(), lasts, "{bytes}");
            reader.abort();
        }
    }
}
