//! Accepts HTTP connections within limits. The operator's page, CDR posts and recordings use it.
//!
//! A peer that says nothing, stops in the middle, or does not read holds a connection only for a
//! limited time. At the limit of connections, those that wait for a request give way to new ones.

mod body;
mod connection;
mod keyed_permits;
mod slots;
mod write_deadline;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use body::HeldBody;
pub use keyed_permits::{KeyedPermit, KeyedPermits};
pub use slots::{Arrival, ConnectionSlots, IdleGuard};
use switchhook_core::log_throttle::LogThrottle;

/// The pause after a failed accept: most likely no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How much the peers of one HTTP port may use.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// The name of the port in log lines.
    pub port: &'static str,
    /// Connections at the same time.
    pub connections: usize,
    /// The time for a request's head, and the time that a connection may wait for a request.
    pub head: Duration,
    /// The time for a request's body.
    pub body: Duration,
    /// The time in which a peer that does not read must take a part of the response.
    pub write: Duration,
}

impl HttpLimits {
    /// Returns the usual deadlines for a port.
    #[must_use]
    pub const fn new(port: &'static str, connections: usize) -> Self {
        Self {
            port,
            connections,
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            write: Duration::from_secs(30),
        }
    }
}

/// The address of a request's peer.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let unknown = Self(SocketAddr::from(([0, 0, 0, 0], 0)));
        Ok(parts.extensions.get().copied().unwrap_or(unknown))
    }
}

/// Serves `app` until `stop`, then lets the responses under way end. `at_limit` is called each time
/// that a connection has to wait for a place.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: HttpLimits,
    at_limit: impl Fn() + Send,
    stop: CancellationToken,
) {
    let slots = ConnectionSlots::new(limits.connections);
    // Dropping the set ends the connections with this future.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &slots, &limits, &at_limit) => accepted,
        };
        let (stream, peer, permit) = accepted;
        let arrival = slots.arrival(peer.ip().to_canonical());
        let served = connection::serve(
            stream,
            peer,
            app.clone(),
            limits,
            Arc::new(arrival),
            stop.clone(),
        );
        connections.spawn(async move {
            served.await;
            drop(permit);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A new connection, its peer, and its place.
type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// Accepts the next connection when there is a place for it. Cancel-safe.
async fn accept(
    listener: &TcpListener,
    slots: &ConnectionSlots,
    limits: &HttpLimits,
    at_limit: &(impl Fn() + Send),
) -> Accepted {
    /// Anyone who can connect causes these lines.
    static LOG_LINES: LogThrottle = LogThrottle::per_minute(1);
    loop {
        let wait = || {
            at_limit();
            LOG_LINES.log(|left_out| {
                let HttpLimits {
                    port, connections, ..
                } = limits;
                warn!(
                    port,
                    connections,
                    left_out,
                    "every connection of this port is taken; those that wait for a request give way"
                );
            });
        };
        let permit = slots.acquire(wait).await;
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) => {
                LOG_LINES.log(|left_out| {
                    warn!(port = limits.port, %error, left_out, "cannot accept a connection; trying again");
                });
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
