//! Looks names up and connects, each with a deadline and with errors in plain words.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::select_ok;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use switchhook_webhook::io_fault;

/// The value of a successful step, and how long the step took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timed<T> {
    pub(super) value: T,
    pub(super) took: Duration,
}

/// Returns all addresses of `host:port`.
///
/// # Errors
/// Says in words why there is none.
pub(super) async fn resolve(
    authority: &str,
    within: Duration,
) -> Result<Timed<Vec<SocketAddr>>, String> {
    let began = Instant::now();
    let found = timeout(within, lookup_host(authority)).await;
    let found = found.map_err(|_| format!("no name server answered within {within:?}"))?;
    let found: Vec<_> = found
        .map_err(|error| io_fault::describe_lookup(&error))?
        .collect();
    if found.is_empty() {
        return Err("the name has no address".into());
    }
    Ok(Timed {
        value: found,
        took: began.elapsed(),
    })
}

/// Connects to all addresses at once and returns the first connection.
///
/// # Errors
/// Says in words why none was made.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    within: Duration,
) -> Result<Timed<TcpStream>, String> {
    let began = Instant::now();
    let attempts = addresses
        .iter()
        .map(|address| Box::pin(TcpStream::connect(*address)));
    match timeout(within, select_ok(attempts)).await {
        Ok(Ok((stream, _))) => Ok(Timed {
            value: stream,
            took: began.elapsed(),
        }),
        Ok(Err(error)) => Err(io_fault::describe(&error)),
        Err(_) => Err(format!(
            "no answer within {within:?}, as behind a firewall that drops packets"
        )),
    }
}

/// Formats a duration as `3.2 ms`.
pub(super) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
