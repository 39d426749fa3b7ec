//! Serves a webhook that answers after a fixed time, in one write, and stamps that write.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::answer::{ANSWER, Stamps, number_in};
use super::secure::Identity;
use crate::receiver::{Request, read_request};

/// The running webhook, which accepts no further connections once dropped.
#[derive(Debug)]
pub(super) struct Webhook {
    address: SocketAddr,
    stamps: Arc<ArcSwap<Stamps>>,
    _task: AbortOnDropHandle<()>,
}

impl Webhook {
    /// Starts the webhook at `address`. With an identity, it uses TLS and HTTP/2.
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

    /// Begins a new run on all connections, including those that are open.
    pub(super) fn begin(&self, calls: u64, delay: Duration) {
        self.stamps.store(Arc::new(Stamps::new(calls, delay)));
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the last byte of a call's answer was written.
    pub(super) fn answered(&self, number: u64) -> Option<Instant> {
        self.stamps.load().written(usize::try_from(number).ok()?)
    }
}

async fn serve(listener: TcpListener, identity: Option<Identity>, stamps: Arc<ArcSwap<Stamps>>) {
    loop {
        match (listener.accept().await, &identity) {
            (Ok((stream, _)), None) => drop(tokio::spawn(connection(stream, Arc::clone(&stamps)))),
            (Ok((stream, _)), Some(identity)) => {
                drop(tokio::spawn(identity.serve(stream, Arc::clone(&stamps))));
            }
            // The process is most likely out of descriptors: wait until some are closed.
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

/// Returns the call's number from any part of the request.
fn number(request: &Request) -> Option<usize> {
    let headers = request.headers.iter().map(|(_, value)| value.as_bytes());
    let mut places = std::iter::once(request.target.as_bytes())
        .chain(headers)
        .chain(std::iter::once(request.body.as_slice()));
    places.find_map(number_in)
}

#[cfg(test)]
mod tests {
    use super::super::answer::BODY;
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
