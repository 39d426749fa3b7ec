//! Does a TLS handshake with the settings of the HTTP client, and sends no request.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ProtocolVersion, SignatureScheme};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use switchhook_webhook::{TlsFault, Webhook};

/// A successful handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handshake {
    /// The protocol's version.
    pub(super) version: &'static str,
    pub(super) took: Duration,
    /// Over HTTP/2: the requests that the server takes at once on a connection, if it said so in
    /// time.
    pub(super) streams: Option<usize>,
    /// The server asks for a client certificate, and the webhook has none.
    pub(super) lacks_certificate: bool,
}

/// How long a refusal after the handshake is waited for: so many times the handshake, and this.
const REFUSAL_TRIPS: u32 = 2;
const REFUSAL_TIME: Duration = Duration::from_millis(50);

/// Does the handshake over `stream`, and reads the first settings of an HTTP/2 server.
///
/// # Errors
/// Says why the handshake failed. With TLS 1.3 a server refuses our certificate after it.
pub(super) async fn handshake(
    webhook: &Webhook,
    stream: TcpStream,
    host: &str,
    within: Duration,
) -> Result<Handshake, TlsFault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| unusable("its host's name"))?;
    let config = webhook.tls().map_err(|fault| unusable(&fault.what))?;
    let (config, asked) = CertificateRequests::watch(&config);
    let began = Instant::now();
    let connecting = TlsConnector::from(config).connect(name, stream);
    let stream = match timeout(within, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(fault(&error)),
        Err(_) => {
            let what = format!("no handshake within {within:?}");
            return Err(TlsFault {
                what,
                ..TlsFault::closed()
            });
        }
    };
    let took = began.elapsed();
    let mut stream = BufReader::new(stream);
    // A refusal arrives one round trip after the handshake, which took at least one.
    let refusal = within.min(took * REFUSAL_TRIPS + REFUSAL_TIME);
    if let Ok(Err(error)) = timeout(refusal, stream.fill_buf()).await
        && let Some(fault) = TlsFault::find(&error)
    {
        return Err(fault);
    }
    let session = stream.get_ref().get_ref().1;
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
        lacks_certificate: asked.is_unanswered(),
    })
}

fn unusable(what: &str) -> TlsFault {
    TlsFault {
        what: format!("{what} cannot be used"),
        cure: "correct the URL and the webhook's tls settings",
    }
}

fn fault(error: &io::Error) -> TlsFault {
    TlsFault::find(error).unwrap_or_else(TlsFault::closed)
}

/// Sees whether a server asks for a client certificate that we do not have.
#[derive(Debug)]
struct CertificateRequests {
    ours: Arc<dyn ResolvesClientCert>,
    unanswered: AtomicBool,
}

impl CertificateRequests {
    fn watch(config: &Arc<ClientConfig>) -> (Arc<ClientConfig>, Arc<Self>) {
        let asked = Arc::new(Self {
            ours: Arc::clone(&config.client_auth_cert_resolver),
            unanswered: AtomicBool::new(false),
        });
        let mut config = ClientConfig::clone(config);
        config.client_auth_cert_resolver = Arc::clone(&asked) as Arc<dyn ResolvesClientCert>;
        (Arc::new(config), asked)
    }

    fn is_unanswered(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for CertificateRequests {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let ours = self.ours.resolve(issuers, schemes);
        self.unanswered.store(ours.is_none(), Ordering::Relaxed);
        ours
    }

    fn has_certs(&self) -> bool {
        self.ours.has_certs()
    }
}

/// Returns the server's `SETTINGS_MAX_CONCURRENT_STREAMS` (RFC 9113, 6.5.2), a very large number if
/// the server sets no limit.
async fn streams(stream: BufReader<TlsStream<TcpStream>>) -> Option<usize> {
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
