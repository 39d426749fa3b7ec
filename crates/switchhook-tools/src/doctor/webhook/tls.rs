//! Does a TLS handshake with the settings of the HTTP client, and sends no request.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::doctor::net;
use switchhook_webhook::Webhook;

/// A successful handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handshake {
    /// The protocol's version.
    pub(super) version: &'static str,
    pub(super) took: Duration,
    /// Over HTTP/2: the requests that the server takes at once on a connection, if it said so in
    /// time.
    pub(super) streams: Option<usize>,
}

/// Does the handshake over `stream`, and reads the first settings of an HTTP/2 server.
///
/// # Errors
/// Says in words why the handshake failed.
pub(super) async fn handshake(
    webhook: &Webhook,
    stream: TcpStream,
    host: &str,
    within: Duration,
) -> Result<Handshake, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let config = webhook.tls().map_err(|fault| fault.what)?;
    let began = Instant::now();
    let connecting = TlsConnector::from(config).connect(name, stream);
    let connected = timeout(within, connecting).await;
    let connected = connected.map_err(|_| format!("no handshake within {within:?}"))?;
    let stream = connected.map_err(|error| describe(&error))?;
    let (took, session) = (began.elapsed(), stream.get_ref().1);
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let streams = match session.alpn_protocol() {
        Some(b"h2") => timeout(within, streams(stream)).await.ok().flatten(),
        Some(_) | None => None,
    };
    Ok(Handshake {
        version,
        took,
        streams,
    })
}

/// Returns the server's `SETTINGS_MAX_CONCURRENT_STREAMS` (RFC 9113, 6.5.2), a very large number if
/// the server sets no limit.
async fn streams(stream: TlsStream<TcpStream>) -> Option<usize> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    // Zero until the server's settings arrive.
    builder.initial_max_send_streams(0);
    let connected = builder.handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
    let (_requests, connection) = connected.await.ok()?;
    let mut connection = pin!(connection);
    poll_fn(|context| {
        let is_over = connection.as_mut().poll(context).is_ready();
        match connection.current_max_send_streams() {
            0 if is_over => Poll::Ready(None),
            0 => Poll::Pending,
            streams => Poll::Ready(Some(streams)),
        }
    })
    .await
}

/// Returns the text of rustls, for example "invalid peer certificate: UnknownIssuer".
fn describe(error: &io::Error) -> String {
    match error.get_ref() {
        Some(inner) => inner.to_string(),
        None => net::describe(error),
    }
}
