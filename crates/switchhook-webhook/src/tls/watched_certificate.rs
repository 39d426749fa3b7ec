//! Notes when the certificates of servers expire, at each handshake that shows one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::gauge;
use rustls::Error;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::signatures_verified_by;
use crate::expiry::not_after;
use switchhook_core::metric_names::{CREDENTIAL_EXPIRES, SERVER_CERTIFICATE};

/// Hosts that are noted. A template may name any number of them.
const MAX_HOSTS: usize = 64;

/// The hosts that the metric has.
static HOSTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A verifier whose accepted certificates are noted.
#[derive(Debug)]
pub(super) struct WatchedCertificates(pub(super) Arc<dyn ServerCertVerifier>);

/// Forgets the hosts of an earlier configuration. The next handshake with a host notes it again.
pub fn forget_certificates() {
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    for host in std::mem::take(&mut *hosts) {
        // No number: the metric is left out.
        set(host, f64::NAN);
    }
}

fn note(server: &ServerName<'_>, certificate: &CertificateDer<'_>) {
    let host = server.to_str();
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    if !hosts.contains(&*host) {
        if hosts.len() >= MAX_HOSTS {
            return;
        }
        hosts.insert(host.to_string());
    }
    let end = not_after(certificate).unwrap_or(0);
    #[allow(clippy::cast_precision_loss)] // a gauge
    set(host.into_owned(), end as f64);
}

fn set(host: String, end_s: f64) {
    gauge!(CREDENTIAL_EXPIRES, "kind" => SERVER_CERTIFICATE, "of" => host).set(end_s);
}

impl ServerCertVerifier for WatchedCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        note(server_name, end_entity);
        Ok(verified)
    }

    signatures_verified_by!(0);
}
