//! A webhook's own TLS settings: trusted authorities, client certificate, minimum version.

mod listed_certificate;
mod watched_certificate;

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use rustls_platform_verifier::Verifier;

use super::compile_error::CompileError;
use super::options::{Identity, Tls, TlsVersion};
use listed_certificate::ListedCertificates;
use watched_certificate::WatchedCertificates;

pub use watched_certificate::forget_certificates;

/// Leaves the signatures of a handshake to the verifier in a field.
macro_rules! signatures_verified_by {
    ($field:tt) => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &rustls::pki_types::CertificateDer<'_>,
            signature: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.$field
                .verify_tls12_signature(message, certificate, signature)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &rustls::pki_types::CertificateDer<'_>,
            signature: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.$field
                .verify_tls13_signature(message, certificate, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.$field.supported_verify_schemes()
        }
    };
}

use signatures_verified_by;

/// Compiled TLS settings. They are equal if their options are.
#[derive(Clone)]
pub struct CompiledTls {
    options: Tls,
    config: Arc<ClientConfig>,
}

impl PartialEq for CompiledTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config) || self.options == other.options
    }
}

impl CompiledTls {
    /// Compiles the settings; `None` if they are the system's.
    pub(super) fn compile(options: &Tls, errors: &mut Vec<CompileError>) -> Option<Self> {
        if *options == Tls::default() {
            return None;
        }
        match config(options) {
            Ok(config) => Some(Self {
                options: options.clone(),
                config: Arc::new(config),
            }),
            Err(error) => {
                errors.push(error);
                None
            }
        }
    }

    /// Returns the configuration of handshakes, which offers HTTP/2 before HTTP/1.1.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

/// Starts an HTTP client that trusts the system's authorities, for requests that are not a
/// webhook's. reqwest is built without a cryptography provider, so each client is given one: an
/// embedding program keeps the choice of its own process-wide provider.
///
/// # Errors
/// Returns why the system's authorities cannot be used.
pub fn client_builder() -> Result<reqwest::ClientBuilder, CompileError> {
    let config = config(&Tls::default())?;
    Ok(reqwest::Client::builder().tls_backend_preconfigured(config))
}

/// Builds the configuration of handshakes, which offers HTTP/2 before HTTP/1.1.
pub(super) fn config(options: &Tls) -> Result<ClientConfig, CompileError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(options.min_version))
        .map_err(|error| unusable("tls.min_version", &error))?;
    let verifier: Arc<dyn ServerCertVerifier> = match &options.ca {
        Some(ca) => Arc::new(trusting(ca, provider)?),
        None => {
            let verifier = Verifier::new(provider).map_err(|error| unusable("tls", &error))?;
            Arc::new(verifier)
        }
    };
    let builder = builder.dangerous();
    let builder = builder.with_custom_certificate_verifier(Arc::new(WatchedCertificates(verifier)));
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = shown(identity)?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| unusable("tls.client_key_file", &error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    match least {
        TlsVersion::V1_2 => &BOTH,
        TlsVersion::V1_3 => &BOTH[..1],
    }
}

/// Trusts only these authorities and certificates, in place of the system's.
fn trusting(ca: &str, provider: Arc<CryptoProvider>) -> Result<ListedCertificates, CompileError> {
    const KEY: &str = "tls.ca_file";
    let listed = certificates(KEY, ca)?;
    let mut roots = RootCertStore::empty();
    for certificate in &listed {
        roots
            .add(certificate.clone())
            .map_err(|error| unusable(KEY, &error))?;
    }
    let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| unusable(KEY, &error))?;
    Ok(ListedCertificates::new(listed, authorities))
}

type ClientIdentity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn shown(identity: &Identity) -> Result<ClientIdentity, CompileError> {
    let chain = certificates("tls.client_cert_file", &identity.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.reveal().as_bytes());
    // The parser's message may quote the file.
    let key = key.map_err(|_| {
        let what = "holds no private key that can be read";
        let help = "give an unencrypted PEM file, -----BEGIN PRIVATE KEY-----";
        CompileError::new("tls.client_key_file", what, help)
    })?;
    Ok((chain, key))
}

/// Returns the certificate that a server sees.
pub(super) fn leaf(identity: &Identity) -> Option<CertificateDer<'static>> {
    let text = identity.certificate.as_bytes();
    CertificateDer::pem_slice_iter(text).next()?.ok()
}

fn certificates(key: &str, text: &str) -> Result<Vec<CertificateDer<'static>>, CompileError> {
    let found: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => {
            let what = "holds no certificate that can be read";
            let help = "give a PEM file, -----BEGIN CERTIFICATE-----";
            Err(CompileError::new(key, what, help))
        }
    }
}

fn unusable(key: &str, error: &dyn std::fmt::Display) -> CompileError {
    let what = format!("cannot be used for TLS: {error}");
    CompileError::new(key, what, "give certificates and a key that fit together")
}
