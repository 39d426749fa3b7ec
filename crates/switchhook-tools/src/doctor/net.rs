//! Names to addresses, addresses to connections, each with a deadline and words for a person.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::select_ok;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// A step that went well, with how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timed<T> {
    pub(super) value: T,
    pub(super) took: Duration,
}

/// All addresses of `host:port`.
///
/// # Errors
/// Why there is none, in words.
pub(super) async fn resolve(
    authority: &str,
    within: Duration,
) -> Result<Timed<Vec<SocketAddr>>, String> {
    let began = Instant::now();
    let found = timeout(within, lookup_host(authority)).await;
    let found = found.map_err(|_| format!("no name server answered within {within:?}"))?;
    let found: Vec<_> = found.map_err(|error| describe_lookup(&error))?.collect();
    if found.is_empty() {
        return Err("the name has no address".into());
    }
    Ok(Timed {
        value: found,
        took: began.elapsed(),
    })
}

fn describe_lookup(error: &io::Error) -> String {
    let words = error.to_string();
    // "failed to lookup address information: Name or service not known"
    let why = words.rsplit_once(": ");
    why.map_or(words.as_str(), |(_, why)| why).to_lowercase()
}

/// A connection to whichever of the addresses takes one first.
///
/// # Errors
/// Why none does, in words.
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
        Ok(Err(error)) => Err(describe(&error)),
        Err(_) => Err(format!(
            "nobody answered within {within:?}, as behind a firewall that drops packets"
        )),
    }
}

/// An error of the system, in plain words where there are some.
pub(super) fn describe(error: &io::Error) -> String {
    let known = WORDS.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, words)| (*words).to_owned())
}

const WORDS: [(io::ErrorKind, &str); 6] = [
    (io::ErrorKind::ConnectionRefused, "connection refused"),
    (io::ErrorKind::ConnectionReset, "the connection was reset"),
    (io::ErrorKind::UnexpectedEof, "the connection was closed"),
    (io::ErrorKind::TimedOut, "nobody answers at that address"),
    (io::ErrorKind::HostUnreachable, "there is no way to it"),
    (io::ErrorKind::NetworkUnreachable, "there is no way to it"),
];

/// `3.2 ms`
pub(super) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
