//! Notes that a server asks for a client certificate.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use crate::connection_watch::ConnectionWatch;

/// Answers with the webhook's certificate, and notes the request.
#[derive(Debug)]
struct NotedRequests(Arc<dyn ResolvesClientCert>);

/// Lets connections of these settings note requests for a client certificate.
pub(super) fn note(config: &mut ClientConfig) {
    let ours = Arc::clone(&config.client_auth_cert_resolver);
    config.client_auth_cert_resolver = Arc::new(NotedRequests(ours));
}

impl ResolvesClientCert for NotedRequests {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let ours = self.0.resolve(issuers, schemes);
        ConnectionWatch::note_certificate_request(ours.is_some());
        ours
    }

    fn has_certs(&self) -> bool {
        self.0.has_certs()
    }
}
