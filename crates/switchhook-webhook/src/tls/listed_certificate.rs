//! Trusts a server's certificate that is itself in `tls.ca_file`, as curl does: also one that an
//! authority outside of the file signed, one of an authority (`CA:TRUE`, what `openssl req -x509`
//! makes), and one that names its host only as its common name.
//!
//! webpki (0.103.17) accepts only a certificate for servers below an authority of the list.

use std::sync::Arc;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use webpki::EndEntityCert;

use super::signatures_verified_by;

/// Verifies a server's certificate by the authorities of a file, and by its certificates
/// themselves.
#[derive(Debug)]
pub(super) struct ListedCertificates {
    listed: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl ListedCertificates {
    pub(super) fn new(
        listed: Vec<CertificateDer<'static>>,
        authorities: Arc<WebPkiServerVerifier>,
    ) -> Self {
        Self {
            listed,
            authorities,
        }
    }
}

impl ServerCertVerifier for ListedCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let Err(refused) = verified else {
            return verified;
        };
        // webpki looks at the dates before each of these faults.
        let name_alone = is_about_name(&refused);
        if !self.listed.iter().any(|one| one == end_entity)
            || !(name_alone || is_about_trust(&refused))
        {
            return Err(refused);
        }
        verify_name(end_entity, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures_verified_by!(authorities);
}

/// Whether the certificate lacks only an authority above it, or is one itself.
fn is_about_trust(error: &Error) -> bool {
    let Error::InvalidCertificate(error) = error else {
        return false;
    };
    if let CertificateError::Other(other) = error {
        let found = other.0.downcast_ref::<webpki::Error>();
        return found == Some(&webpki::Error::CaUsedAsEndEntity);
    }
    *error == CertificateError::UnknownIssuer
}

/// Whether the certificate is good but for its name: it has none.
fn is_about_name(error: &Error) -> bool {
    if let Error::InvalidCertificate(CertificateError::NotValidForNameContext {
        presented, ..
    }) = error
    {
        return presented.is_empty();
    }
    false
}

/// Checks the names of the certificate, or its common name if it has none.
fn verify_name(certificate: &CertificateDer<'_>, wanted: &ServerName<'_>) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let checked = verify_server_name(&parsed, wanted);
    let Err(refused) = checked else { return Ok(()) };
    let has_name = is_about_name(&refused)
        && common_name(certificate).is_some_and(|name| wanted.to_str().eq_ignore_ascii_case(&name));
    if has_name { Ok(()) } else { Err(refused) }
}

/// Returns the common name of a certificate's subject, if it has one and it is a text of ASCII.
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    /// The attribute's type, `id-at-commonName`, as DER.
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let subject = certificate.subject();
    let mut found = subject
        .windows(COMMON_NAME.len())
        .enumerate()
        .filter(|(_, window)| *window == COMMON_NAME)
        .map(|(at, _)| at + COMMON_NAME.len());
    let (at, None) = (found.next()?, found.next()) else {
        return None;
    };
    // Tag, a length below 128, text.
    let [_, length, rest @ ..] = subject.get(at..)? else {
        return None;
    };
    let text = rest.get(..usize::from(*length)).filter(|_| *length < 128)?;
    let text = str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    Some(text.to_owned())
}
