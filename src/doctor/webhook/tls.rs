//! A TLS handshake and nothing after it, with the settings that the HTTP client has.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion};
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::doctor::net::{self, Took};
use crate::webhook::Webhook;

/// The protocol's version.
///
/// # Errors
/// Why no handshake came about, in words.
pub(super) async fn shake_hands(
    webhook: &Webhook,
    stream: TcpStream,
    host: &str,
    within: Duration,
) -> Result<Took<&'static str>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let config = match webhook.secured() {
        Some(secured) => Arc::clone(secured.config()),
        None => ClientConfig::with_platform_verifier()
            .map(Arc::new)
            .map_err(|error| format!("the system's certificates cannot be used: {error}"))?,
    };
    let began = Instant::now();
    let connecting = TlsConnector::from(config).connect(name, stream);
    let connected = timeout(within, connecting).await;
    let connected = connected.map_err(|_| format!("no handshake within {within:?}"))?;
    let stream = connected.map_err(|error| words(&error))?;
    let version = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    Ok(Took {
        what: version,
        took: began.elapsed(),
    })
}

/// rustls says "invalid peer certificate: UnknownIssuer".
fn words(error: &io::Error) -> String {
    match error.get_ref() {
        Some(inner) => inner.to_string(),
        None => net::words(error),
    }
}
