//! Why a TLS handshake failed: a sentence about the server, and the cure. Sentences of failures
//! and of `doctor` use it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enums are not exhaustive, and most of their faults have one sentence"
)]

use std::fmt;
use std::io;

use chrono::DateTime;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// Why a handshake failed. `what` follows the server's name: "no TLS with crm.example:443: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFault {
    /// What is wrong.
    pub what: String,
    /// What to change.
    pub cure: &'static str,
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.cure)
    }
}

const TRUST: &str = "add the authority's certificate to tls.ca_file (or to this machine's \
                     authorities), and let the server send its intermediate certificates";
const TRUST_ITSELF: &str = "name a file with this certificate itself in tls.ca_file";
const CLOCKS: &str = "renew it on the server, and check this machine's clock";
const NAME: &str = "use a host name of the certificate in the URL";
const SAN: &str = "issue one whose subjectAltName has the URL's host";
const SHOW_CERTIFICATE: &str =
    "set tls.client_cert_file and tls.client_key_file to a certificate that the server accepts";
const VERSION: &str =
    "set tls.min_version to \"1.2\" if it is \"1.3\", else let the server offer TLS 1.2 or 1.3";
const NOT_TLS: &str = "correct the URL's port; for a server without TLS, use http://";
const SEE: &str = "openssl s_client -connect HOST:PORT -servername HOST shows the handshake";

impl TlsFault {
    fn new(what: impl Into<String>, cure: &'static str) -> Self {
        let what = what.into();
        Self { what, cure }
    }

    /// Returns the fault behind an error of the TLS library.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => of_certificate(error),
            Error::AlertReceived(alert) => of_alert(*alert),
            Error::PeerIncompatible(error) => of_peer(error),
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::PeerSentOversizedRecord => Self::new("what it sent is not TLS", NOT_TLS),
            Error::NoApplicationProtocol => of_alert(AlertDescription::NoApplicationProtocol),
            _ => Self::new("the handshake failed", SEE),
        }
    }

    /// Returns the fault behind an error of a connection; `None` if it is none of TLS.
    #[must_use]
    pub fn find(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?;
        if let Some(error) = inner.downcast_ref::<Error>() {
            return Some(Self::of(error));
        }
        if let Some(nested) = inner.downcast_ref::<io::Error>() {
            return Self::find(nested);
        }
        let source = inner.source().and_then(|source| source.downcast_ref());
        source.map(Self::of).or_else(|| of_text(&inner.to_string()))
    }

    /// Returns the fault of a handshake that the server broke off without a word.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(
            "it closed the connection in the handshake",
            "check that the port speaks TLS, that the server has a site of that name, and \
             whether it requires a client certificate (tls.client_cert_file)",
        )
    }
}

/// Reads an alert from its text: h2 (0.4.20) keeps no more of an I/O error.
fn of_text(text: &str) -> Option<TlsFault> {
    let (_, name) = text.split_once("received fatal alert: ")?;
    let alert = (0..=u8::MAX).map(AlertDescription::from);
    let alert = alert.into_iter().find(|alert| format!("{alert:?}") == name);
    alert.map(of_alert)
}

fn of_certificate(error: &CertificateError) -> TlsFault {
    use CertificateError as C;
    match error {
        C::UnknownIssuer => TlsFault::new(
            "its certificate is signed by an authority that is not trusted (UnknownIssuer)",
            TRUST,
        ),
        C::Expired => TlsFault::new("its certificate expired", CLOCKS),
        C::ExpiredContext { not_after, .. } => TlsFault::new(
            format!("its certificate expired on {}", date(*not_after)),
            CLOCKS,
        ),
        C::NotValidYet => TlsFault::new("its certificate is not valid yet", CLOCKS),
        C::NotValidYetContext { not_before, .. } => TlsFault::new(
            format!(
                "its certificate is valid only from {} on",
                date(*not_before)
            ),
            CLOCKS,
        ),
        C::NotValidForName => TlsFault::new("its certificate is for another host", NAME),
        C::NotValidForNameContext {
            expected,
            presented,
        } => of_names(expected, presented),
        C::Revoked => TlsFault::new("its certificate was revoked", "issue a new one"),
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => TlsFault::new(
            "its certificate is not one of a server (extendedKeyUsage)",
            "issue one with extendedKeyUsage = serverAuth",
        ),
        C::BadSignature => TlsFault::new(
            "its certificate is not signed by the key that is trusted for it, or its RSA key has \
             less than 2048 bits",
            "if its authority has a new key, replace its certificate in tls.ca_file",
        ),
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => TlsFault::new(
            "its certificate is signed in a way that is not accepted, such as SHA-1",
            "issue one with SHA-256, and RSA of at least 2048 bits or ECDSA",
        ),
        C::Other(error) => match error.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => TlsFault::new(
                "its certificate is one of an authority (CA:TRUE), not of a server",
                TRUST_ITSELF,
            ),
            Some(webpki::Error::UnsupportedCertVersion) => {
                TlsFault::new("its certificate is of X.509 version 1 or 2", SAN)
            }
            Some(_) | None => TlsFault::new("its certificate cannot be used", SEE),
        },
        _ => TlsFault::new("its certificate cannot be used", SEE),
    }
}

/// Names of a certificate that a sentence has.
const SHOWN_NAMES: usize = 3;

fn of_names(expected: &ServerName<'_>, presented: &[String]) -> TlsFault {
    let expected = expected.to_str();
    if presented.is_empty() {
        let what = format!("its certificate names no host (subjectAltName), so not {expected}");
        return TlsFault::new(what, SAN);
    }
    let names = presented.iter().take(SHOWN_NAMES);
    let names: Vec<&str> = names.map(|name| plain_name(name)).collect();
    let more = if presented.len() > SHOWN_NAMES {
        " and others"
    } else {
        ""
    };
    let what = format!(
        "its certificate is for {}{more}, not for {expected}",
        names.join(", ")
    );
    TlsFault::new(what, NAME)
}

/// Returns the name in webpki's `DnsName("crm.example")`.
fn plain_name(name: &str) -> &str {
    let quoted = name
        .split_once("(\"")
        .and_then(|(_, rest)| rest.strip_suffix("\")"));
    let bare = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    quoted.or(bare).unwrap_or(name)
}

fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let date = DateTime::from_timestamp(seconds, 0);
    date.map_or_else(
        || "no date".into(),
        |date| date.format("%Y-%m-%d").to_string(),
    )
}

fn of_alert(alert: AlertDescription) -> TlsFault {
    use AlertDescription as A;
    match alert {
        A::ProtocolVersion => TlsFault::new("it accepts no TLS version that we offer", VERSION),
        A::CertificateRequired | A::NoCertificate => {
            TlsFault::new("it requires a client certificate", SHOW_CERTIFICATE)
        }
        A::HandshakeFailure | A::InsufficientSecurity => TlsFault::new(
            "it refused the handshake: it shares no cipher with us, or requires a client \
             certificate",
            SHOW_CERTIFICATE,
        ),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied
        | A::DecryptError => {
            let what = format!("it refuses our client certificate ({alert:?}), or requires one");
            TlsFault::new(what, SHOW_CERTIFICATE)
        }
        A::UnrecognisedName => TlsFault::new("it has no site of the URL's host name (SNI)", NAME),
        A::NoApplicationProtocol => TlsFault::new(
            "it speaks neither HTTP/2 nor HTTP/1.1 there",
            "correct the URL's host and port",
        ),
        _ => TlsFault::new(format!("it broke the handshake off (alert {alert:?})"), SEE),
    }
}

fn of_peer(error: &PeerIncompatible) -> TlsFault {
    use PeerIncompatible as P;
    match error {
        P::ServerTlsVersionIsDisabledByOurConfig => TlsFault::new(
            "it offers a lower TLS version than tls.min_version",
            VERSION,
        ),
        P::ServerDoesNotSupportTls12Or13 | P::Tls12NotOffered | P::Tls12NotOfferedOrEnabled => {
            TlsFault::new("it offers TLS 1.1 or older only", VERSION)
        }
        _ => TlsFault::new(
            "it shares no cipher, key exchange or signature with us",
            "let the server offer ECDHE with AES-GCM or ChaCha20",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_that_is_only_text_is_known() {
        let error = io::Error::new(
            io::ErrorKind::InvalidData,
            "received fatal alert: CertificateRequired",
        );
        let fault = TlsFault::find(&error).unwrap();
        assert_eq!(fault, of_alert(AlertDescription::CertificateRequired));
        assert_eq!(TlsFault::find(&io::Error::other("received a letter")), None);
    }
}
