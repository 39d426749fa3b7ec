//! Runs an HTTP/2 webhook whose first connection hangs with its second request. Other connections
//! answer.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::answer::OK;

/// How the connection hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hang {
    /// It answers pings and no request, as a proxy does in front of a stopped worker.
    NoAnswer,
    /// It sends nothing any more, as behind a firewall that forgot it.
    NoFrame,
}

/// A running webhook, which ends when dropped.
#[derive(Debug)]
pub(crate) struct Hanging {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Hanging {
    /// Starts the webhook on a free loopback port.
    ///
    /// # Errors
    /// Returns an error if no port can be bound.
    pub(crate) async fn start(hang: Hang) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self {
            address: listener.local_addr()?,
            _task: AbortOnDropHandle::new(tokio::spawn(accept(listener, hang))),
        })
    }

    /// Returns the webhook's address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, hang: Hang) {
    let requests = Arc::new(AtomicUsize::new(0));
    let mut connections = JoinSet::new();
    let mut first = Some(hang);
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, first.take(), Arc::clone(&requests)));
    }
}

/// Serves one connection, which hangs in this way.
async fn serve(stream: TcpStream, hang: Option<Hang>, requests: Arc<AtomicUsize>) {
    let hung = Arc::new(Notify::new());
    let now = Arc::clone(&hung);
    let answering =
        service_fn(move |_| answer(hang.is_some(), Arc::clone(&requests), Arc::clone(&now)));
    let builder = http2::Builder::new(TokioExecutor::new());
    let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), answering));
    tokio::select! {
        // The client sees how the connection ended.
        _ = &mut connection => {}
        () = hung.notified(), if hang == Some(Hang::NoFrame) => pending().await,
    }
}

/// Answers the first request of all with 404, so that the client keeps the connection and asks
/// again.
async fn answer(
    hangs: bool,
    requests: Arc<AtomicUsize>,
    hung: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let earlier = requests.fetch_add(1, Ordering::SeqCst);
    if earlier > 0 && hangs {
        hung.notify_one();
        pending::<()>().await;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(OK.as_bytes())));
    if earlier == 0 {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}
