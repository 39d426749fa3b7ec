//! A webhook that answers after a fixed time, in one write, and stamps it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::secure::Identity;
use crate::receiver::{Request, read_request};

/// What is in the answer: whoever maps something finds a name and a queue.
pub(super) const BODY: &str = "{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";
/// The whole answer over HTTP/1.1.
pub(super) const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"   }";

/// When each call's answer was written.
#[derive(Debug)]
pub(super) struct Stamps {
    base: Instant,
    delay: Duration,
    /// Nanoseconds since `base`; 0 when not yet.
    nanos: Vec<AtomicU64>,
}

impl Stamps {
    /// For so many calls, each answered after `delay`.
    fn new(calls: u64, delay: Duration) -> Self {
        Self {
            base: Instant::now(),
            delay,
            nanos: (0..calls).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Waits until the answer is due, and notes that it goes out now: the program may act
    /// on it before our write returns.
    pub(super) async fn wait(&self, number: Option<usize>) {
        sleep(self.delay).await;
        if let Some(stamp) = number.and_then(|number| self.nanos.get(number)) {
            let nanos = u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
            stamp.store(nanos, Ordering::Relaxed);
        }
    }
}

/// The running webhook; it takes no connection any more when dropped.
#[derive(Debug)]
pub(super) struct Webhook {
    address: SocketAddr,
    stamps: Arc<ArcSwap<Stamps>>,
    _task: AbortOnDropHandle<()>,
}

impl Webhook {
    /// Listens at `address`; with an identity, over TLS and HTTP/2.
    pub(super) async fn start(address: SocketAddr, identity: Option<Identity>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stamps = Arc::new(ArcSwap::from_pointee(Stamps::new(0, Duration::ZERO)));
        let task = tokio::spawn(serve(listener, identity, Arc::clone(&stamps)));
        Ok(Self {
            address,
            stamps,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// From now on: another run, on whichever connections are open.
    pub(super) fn begin(&self, calls: u64, delay: Duration) {
        self.stamps.store(Arc::new(Stamps::new(calls, delay)));
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// When the last byte of a call's answer was written.
    pub(super) fn answered(&self, number: u64) -> Option<Instant> {
        let stamps = self.stamps.load();
        let at = stamps.nanos.get(usize::try_from(number).ok()?)?;
        match at.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(stamps.base + Duration::from_nanos(nanos)),
        }
    }
}

async fn serve(listener: TcpListener, identity: Option<Identity>, stamps: Arc<ArcSwap<Stamps>>) {
    loop {
        match (listener.accept().await, &identity) {
            (Ok((stream, _)), None) => drop(tokio::spawn(connection(stream, Arc::clone(&stamps)))),
            (Ok((stream, _)), Some(identity)) => {
                drop(tokio::spawn(identity.serve(stream, Arc::clone(&stamps))));
            }
            // Out of descriptors, most likely: let some be closed.
            (Err(_), _) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(mut stream: TcpStream, stamps: Arc<ArcSwap<Stamps>>) {
    // Small answers must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        stamps.load_full().wait(number(&request)).await;
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
    places.find_map(number_in)
}

/// The call's number in one text.
pub(super) fn number_in(bytes: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(bytes, b"lab-")? + 4;
    let digits = bytes[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(&bytes[at..at + digits])
        .ok()?
        .parse()
        .ok()
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
        assert_eq!(body, BODY);
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
