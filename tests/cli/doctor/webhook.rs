//! Runs a webhook that answers every request with one status, over HTTP or HTTPS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// Longest wait for input that should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Webhook {
    address: SocketAddr,
    received: Receiver<String>,
}

impl Webhook {
    pub fn plain(status: &'static str) -> Self {
        Self::start(response(status), |stream| stream)
    }

    pub fn tls(status: &'static str) -> Self {
        Self::secured(response(status), config())
    }

    /// Starts a webhook that asks for a client certificate, and may require it.
    pub fn asking_for_certificate(is_required: bool) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(folder().join("ca.pem"));
        roots.add(authority.unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
        let verifier = if is_required {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        let builder = ServerConfig::builder();
        let builder = builder.with_client_cert_verifier(verifier.build().unwrap());
        Self::secured(response("200 OK"), with_certificate(builder))
    }

    /// Starts a webhook that speaks HTTP/2 and sends only its settings.
    pub fn http2(streams: u8) -> Self {
        let mut config = config();
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A SETTINGS frame (RFC 9113, 6.5): six bytes, type 4, stream 0, SETTINGS_MAX_CONCURRENT_STREAMS.
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, streams];
        Self::secured(settings.to_vec(), config)
    }

    fn secured(answer: Vec<u8>, config: ServerConfig) -> Self {
        let config = Arc::new(config);
        Self::start(answer, move |stream| {
            let server = ServerConnection::new(Arc::clone(&config)).unwrap();
            StreamOwned::new(server, stream)
        })
    }

    fn start<S: Read + Write>(
        answer: Vec<u8>,
        wrap: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut stream = wrap(stream);
                let request = request(&mut stream);
                if !request.is_empty() {
                    // The client may have closed already.
                    let _ = stream.write_all(&answer);
                }
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { address, received }
    }

    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the webhook's URL, with a `/` at its end.
    pub fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/", self.address.port())
    }

    /// Returns the head of the next connection's request; empty if it sent none.
    #[track_caller]
    pub fn next(&self) -> String {
        self.received.recv_timeout(PATIENCE).unwrap()
    }
}

fn response(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
}

fn request(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            // The client closed, or speaks another protocol.
            Ok(0) | Err(_) => return String::new(),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

fn config() -> ServerConfig {
    with_certificate(ServerConfig::builder().with_no_client_auth())
}

fn with_certificate(builder: ConfigBuilder<ServerConfig, WantsServerCert>) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(folder().join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder().join("server.key")).unwrap();
    builder
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/doctor/tls")
}
