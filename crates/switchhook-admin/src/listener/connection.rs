//! One HTTP connection, from its first byte to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use super::body::{DeadlineBody, HeldBody};
use super::slots::{Arrival, IdleGuard};
use super::write_deadline::WriteDeadline;
use super::{HttpLimits, Peer};

/// The largest head of a request, and what is kept of a response that is not written yet.
const BUFFER: usize = 64 * 1024;

/// Serves a connection until its peer leaves, a deadline passes, it has to give way, or `stop`.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    limits: HttpLimits,
    arrival: Arc<Arrival>,
    stop: CancellationToken,
) {
    // Fails only for a connection that is gone.
    let _ = stream.set_nodelay(true);
    let idle = Arc::new(IdleMark::new(Arc::clone(&arrival)));
    let service = service_fn(|request| respond(request, peer, &app, limits, &idle));
    let stream = TokioIo::new(WriteDeadline::new(stream, limits.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(BUFFER)
        .serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is its peer's affair.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = arrival.evicted() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn respond(
    request: Request<Incoming>,
    peer: SocketAddr,
    app: &Router,
    limits: HttpLimits,
    idle: &Arc<IdleMark>,
) -> Result<Response, Infallible> {
    let busy = idle.busy();
    let mut request = request.map(|body| DeadlineBody::around(Body::new(body), limits.body));
    request.extensions_mut().insert(Peer(peer));
    // A router is always ready.
    let response = app.clone().call(request).await?;
    Ok(response.map(|body| Body::new(HeldBody::new(body, busy))))
}

/// Whether a connection waits for a request.
struct IdleMark {
    arrival: Arc<Arrival>,
    waiting: Mutex<Option<IdleGuard>>,
}

impl IdleMark {
    fn new(arrival: Arc<Arrival>) -> Self {
        let waiting = Mutex::new(Some(arrival.waiting()));
        Self { arrival, waiting }
    }

    /// The connection has a request to respond to, until the returned mark is dropped.
    fn busy(self: &Arc<Self>) -> BusyMark {
        self.set(None);
        BusyMark(Arc::clone(self))
    }

    fn set(&self, waiting: Option<IdleGuard>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }
}

/// A response is under way.
struct BusyMark(Arc<IdleMark>);

impl Drop for BusyMark {
    fn drop(&mut self) {
        self.0.set(Some(self.0.arrival.waiting()));
    }
}
