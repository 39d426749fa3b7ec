//! A webhook that answers after a fixed time, in one write, and stamps it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::lab::receiver::{Request, read_request};

/// A small answer; whoever maps something finds a name and a queue.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";

/// When each call's answer was written.
#[derive(Debug)]
struct Stamps {
    base: Instant,
    /// Nanoseconds since `base`; 0 when not yet.
    nanos: Vec<AtomicU64>,
}

/// The running webhook; it ends when dropped.
#[derive(Debug)]
pub(super) struct Webhook {
    address: SocketAddr,
    stamps: Arc<Stamps>,
    _task: AbortOnDropHandle<()>,
}

impl Webhook {
    pub(super) async fn start(
        address: SocketAddr,
        delay: Duration,
        calls: u64,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stamps = Arc::new(Stamps {
            base: Instant::now(),
            nanos: (0..calls).map(|_| AtomicU64::new(0)).collect(),
        });
        let task = tokio::spawn(serve(listener, delay, Arc::clone(&stamps)));
        Ok(Self {
            address,
            stamps,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// When the last byte of a call's answer was written.
    pub(super) fn answered(&self, number: u64) -> Option<Instant> {
        let at = self.stamps.nanos.get(usize::try_from(number).ok()?)?;
        match at.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(self.stamps.base + Duration::from_nanos(nanos)),
        }
    }
}

async fn serve(listener: TcpListener, delay: Duration, stamps: Arc<Stamps>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, delay, Arc::clone(&stamps)))),
            // Out of descriptors, most likely: let some be closed.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(mut stream: TcpStream, delay: Duration, stamps: Arc<Stamps>) {
    // Small answers must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let call = number(&request).and_then(|number| stamps.nanos.get(number));
        sleep(delay).await;
        // Stamped before the write: the program may act before ours returns.
        if let Some(stamp) = call {
            let nanos = u64::try_from(stamps.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
            stamp.store(nanos, Ordering::Relaxed);
        }
        if stream.write_all(ANSWER.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The call's number, wherever in its request the program put it.
fn number(request: &Request) -> Option<usize> {
    let headers = request.headers.iter().map(|(_, value)| value.as_bytes());
    let mut places = std::iter::once(request.target.as_bytes())
        .chain(headers)
        .chain(std::iter::once(request.body.as_slice()));
    places.find_map(|bytes| {
        let at = memchr::memmem::find(bytes, b"lab-")? + 4;
        let digits = bytes[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        std::str::from_utf8(&bytes[at..at + digits])
            .ok()?
            .parse()
            .ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calls_number_is_found_in_url_header_or_body() {
        let request = |target: &str, header: &str, body: &str| Request {
            method: "POST".into(),
            target: target.into(),
            headers: vec![("x".into(), header.into())],
            body: body.into(),
            arrived: Instant::now(),
            answered: None,
            abandoned: None,
        };
        assert_eq!(number(&request("/a?lead=lab-12", "", "")), Some(12));
        assert_eq!(number(&request("/a", "lab-7", "")), Some(7));
        assert_eq!(
            number(&request("/a", "", "{\"lead\":\"lab-300\"}")),
            Some(300)
        );
        assert_eq!(number(&request("/a", "", "nothing")), None);
    }

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
