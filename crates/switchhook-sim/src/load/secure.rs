//! Serves the webhook over TLS and HTTP/2, where a request in flight is a stream and not a
//! connection.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::answer::{BODY, Stamps, number_in};

/// Limit of concurrent requests on one connection, similar to common servers (nginx 128, Apache
/// 100).
const STREAMS: u32 = 100;

/// A self-signed certificate for 127.0.0.1, valid for this process.
#[derive(Clone)]
pub(super) struct Identity {
    acceptor: TlsAcceptor,
    /// Certificate that a client must trust.
    pub(super) pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl Identity {
    pub(super) fn new() -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()])
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            pem: made.cert.pem(),
        })
    }

    /// Serves one connection until its client leaves.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        stamps: Arc<ArcSwap<Stamps>>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let acceptor = self.acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                // The client reports the TLS error, and its call fails.
                return;
            };
            let answering = service_fn(move |request| answer(request, Arc::clone(&stamps)));
            let served = http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(STREAMS)
                .serve_connection(TokioIo::new(stream), answering);
            // The result does not matter here: the load generator counts the connection's calls.
            drop(served.await);
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    stamps: Arc<ArcSwap<Stamps>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    let number = number_in(query.as_bytes());
    stamps.load_full().wait(number).await;
    let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}
