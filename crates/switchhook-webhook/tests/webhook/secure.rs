//! TLS settings of webhooks against servers with their own: HTTP/1.1, HTTP/2, and every way in
//! which the two do not agree.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, version};
use switchhook_core::metrics_recorder::MetricsRecorder;
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::secret::Secret;
use switchhook_webhook::options::{Identity, Tls, TlsVersion, WebhookOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::*;

const GOOD: &str = "{\"queue\":\"a\"}";

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        Self::named("ours")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate for `name`, valid until the end of `year`.
    pub fn issue(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 12, 31);
        self.sign(params)
    }

    pub fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.0
    }

    pub fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            certificate: certificate.pem(),
            key: Secret::new(key.serialize_pem()),
        }
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// A server's settings.
pub struct Setup {
    pub identity: Identity,
    pub clients: Option<RootCertStore>,
    pub only_tls12: bool,
    pub alpn: &'static str,
    /// Number of headers in a response over HTTP/2.
    pub headers: usize,
}

impl Setup {
    pub fn of(identity: Identity) -> Self {
        Self {
            identity,
            clients: None,
            only_tls12: false,
            alpn: "http/1.1",
            headers: 0,
        }
    }

    pub fn acceptor(self) -> TlsAcceptor {
        let alpn = self.alpn;
        self.acceptor_of(&[alpn])
    }

    /// Returns an acceptor that offers these protocols.
    pub fn acceptor_of(self, alpn: &[&str]) -> TlsAcceptor {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject as _;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: &[&rustls::SupportedProtocolVersion] = if self.only_tls12 {
            &[&version::TLS12]
        } else {
            &[&version::TLS13, &version::TLS12]
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match self.clients {
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        let certificate = CertificateDer::from_pem_slice(self.identity.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.identity.key.reveal().as_bytes());
        let mut config = builder
            .with_single_cert(vec![certificate.unwrap()], key.unwrap())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Serves one connection over TLS.
    pub async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (http2, headers) = (self.alpn == "h2", self.headers);
        let acceptor = self.acceptor();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // The client's side of a failure is what the test checks.
            if let Ok(stream) = acceptor.accept(stream).await {
                if http2 {
                    two(stream, headers).await
                } else {
                    one(stream).await
                }
            }
        });
        address
    }
}

async fn one(mut stream: TlsStream<TcpStream>) {
    let mut buffer = [0; 8192];
    let _ = stream.read(&mut buffer).await;
    let _ = stream.write_all(&answer("200 OK", "", GOOD)).await;
    let _ = stream.read(&mut buffer).await;
}

async fn two(stream: TlsStream<TcpStream>, headers: usize) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.version(), http::Version::HTTP_2);
        let mut head = http::Response::new(());
        for number in 0..headers {
            let name = http::HeaderName::from_bytes(format!("x-{number}").as_bytes());
            // As many as a map of headers can hold.
            let one = http::HeaderValue::from_static("1");
            let _ = head.headers_mut().try_insert(name.unwrap(), one);
        }
        let mut body = respond.send_response(head, false).unwrap();
        let _ = body.send_data(Bytes::from_static(GOOD.as_bytes()), true);
    }
}

pub async fn send_secure(address: SocketAddr, host: &str, tls: Tls) -> Outcome {
    let url = format!("https://{host}:{}/callers", address.port());
    let options = WebhookOptions {
        tls,
        ..options(url, PATIENT)
    };
    send_with(open(), options).await
}

pub fn trusting_ca(authority: &Authority) -> Tls {
    Tls {
        ca: Some(authority.pem()),
        ..Tls::default()
    }
}

#[tokio::test]
async fn an_authority_of_our_own_is_trusted_over_http_1_and_http_2() {
    let authority = Authority::new();
    for alpn in ["http/1.1", "h2"] {
        for only_tls12 in [false, true] {
            let setup = Setup {
                alpn,
                only_tls12,
                ..Setup::of(authority.issue("localhost", 2200))
            };
            let outcome =
                send_secure(setup.serve().await, "localhost", trusting_ca(&authority)).await;
            assert!(outcome.verdict.is_ok(), "{alpn}: {:?}", outcome.verdict);
            assert_eq!(&outcome.raw[..], GOOD.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_the_one_that_we_have() {
    let authority = Authority::new();
    let strict = || Setup {
        clients: Some(authority.roots()),
        ..Setup::of(authority.issue("localhost", 2200))
    };
    let bare = send_secure(strict().serve().await, "localhost", trusting_ca(&authority)).await;
    failed(&bare, Reason::ConnectionFailure, "localhost");
    let untrusted = Authority::new().issue("switch", 2200);
    let ours = authority.issue("switch", 2200);
    for (identity, accepted) in [(untrusted, false), (ours, true)] {
        let key = identity.key.reveal().to_owned();
        let tls = Tls {
            identity: Some(identity),
            ..trusting_ca(&authority)
        };
        assert!(!format!("{tls:?}").contains(&key[30..60]));
        let outcome = send_secure(strict().serve().await, "localhost", tls).await;
        assert_eq!(outcome.verdict.is_ok(), accepted, "{:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn tls_1_2_is_refused_when_1_3_is_the_least() {
    let authority = Authority::new();
    let tls = || Tls {
        min_version: TlsVersion::V1_3,
        ..trusting_ca(&authority)
    };
    for only_tls12 in [true, false] {
        let setup = Setup {
            only_tls12,
            ..Setup::of(authority.issue("localhost", 2200))
        };
        let outcome = send_secure(setup.serve().await, "localhost", tls()).await;
        if only_tls12 {
            failed(&outcome, Reason::ConnectionFailure, "tls.min_version")
        } else {
            assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict)
        }
    }
}

#[tokio::test]
async fn the_metric_has_the_end_of_the_certificate_that_a_server_showed() {
    let recorder = MetricsRecorder::default();
    // The runtime of this test has one thread: every handshake is on it.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let authority = Authority::new();
    for (year, end) in [(2200, "7289568000"), (2190, "6974035200")] {
        let setup = Setup::of(authority.issue("localhost", year));
        let outcome = send_secure(setup.serve().await, "localhost", trusting_ca(&authority)).await;
        assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
        let line = format!(
            "switchhook_credential_expires_timestamp_seconds{{kind=\"server_certificate\",of=\"localhost\"}} {end}\n"
        );
        assert!(recorder.render().contains(&line), "{}", recorder.render());
    }
    // After a reload, hosts are there again once they are asked.
    switchhook_webhook::forget_certificates();
    assert!(!recorder.render().contains("server_certificate\""));
}
