//! When certificates and tokens expire.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde_json::Value;
use switchhook_core::metric_names::{BEARER_TOKEN, CLIENT_CERTIFICATE};
use switchhook_core::secret::Secret;
use webpki::{EndEntityCert, Error, KeyUsage};

use crate::options::{Auth, WebhookOptions};
use crate::tls::leaf;

/// The last second of the year 9999. A certificate without an end has it (RFC 5280, 4.1.2.5).
const END_OF_TIME_S: u64 = 253_402_300_799;

/// When what a webhook shows to its server expires, seconds since 1970.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiries {
    certificate: Option<u64>,
    token: Option<u64>,
}

impl Expiries {
    pub(crate) fn of(options: &WebhookOptions) -> Self {
        let identity = options.tls.identity.as_ref();
        let token = match &options.auth {
            Auth::Bearer(token) => token_expires(token),
            // Tokens of OAuth 2.0 are renewed before they expire.
            Auth::None | Auth::Basic { .. } | Auth::OAuth2(_) => None,
        };
        Self {
            certificate: identity.and_then(leaf).and_then(|leaf| not_after(&leaf)),
            token,
        }
    }

    /// Returns each kind of credential with its end, if it has one.
    pub(crate) fn by_kind(self) -> [(&'static str, Option<u64>); 2] {
        [
            (CLIENT_CERTIFICATE, self.certificate),
            (BEARER_TOKEN, self.token),
        ]
    }
}

/// Returns when a certificate expires, seconds since 1970; `None` if it has no end.
///
/// webpki looks at the dates of a certificate first, and its refusal has them.
pub(crate) fn not_after(certificate: &CertificateDer<'_>) -> Option<u64> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let end = UnixTime::since_unix_epoch(Duration::from_secs(END_OF_TIME_S));
    let usage = KeyUsage::server_auth();
    let judged = certificate.verify_for_usage(&[], &[], &[], end, usage, None, None);
    judged.err().and_then(|error| {
        if let Error::CertExpired { not_after, .. } = error {
            Some(not_after.as_secs())
        } else {
            None
        }
    })
}

/// Returns the `exp` of a token that is a JWT (RFC 7519, 4.1.4), seconds since 1970.
fn token_expires(token: &Secret) -> Option<u64> {
    let mut parts = token.reveal().trim().split('.');
    let (_header, claims) = (parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims.get("exp")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    /// Returns a certificate that expires at the start of this day.
    fn certificate(year: i32, month: u8, day: u8) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["crm.example".into()]).unwrap();
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_says_its_end() {
        for (day, end) in [
            ((2027, 1, 15), Some(1_799_971_200)),
            ((2001, 9, 9), Some(999_993_600)),
            // From 2050 on, certificates write their dates in another way.
            ((2060, 1, 1), Some(2_840_140_800)),
        ] {
            let (year, month, day) = day;
            assert_eq!(not_after(&certificate(year, month, day)), end);
        }
        assert_eq!(not_after(&CertificateDer::from(vec![0x30, 0])), None);
    }

    #[test]
    fn a_token_says_its_end_if_it_is_a_jwt() {
        let jwt = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        for (token, end) in [
            (jwt(r#"{"exp":1800000000}"#), Some(1_800_000_000)),
            (jwt(r#"{"sub":"switch"}"#), None),
            (jwt("no JSON"), None),
            ("correct.horse.battery".into(), None),
            ("correct-horse".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(token_expires(&Secret::new(token.clone())), end, "{token}");
        }
    }
}
