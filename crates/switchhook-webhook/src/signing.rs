//! Signs documents as Standard Webhooks specifies
//! (<https://github.com/standard-webhooks/standard-webhooks>, symmetric `v1`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use switchhook_core::secret::Secret;

/// Header with the document's id; the same for every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of the attempt, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with the signatures, one per secret, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

const PREFIX: &str = "whsec_";
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const HINT: &str = "make one with `echo whsec_$(openssl rand -base64 32)`";

/// Why a secret cannot sign. Never contains the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// No secret was given.
    #[error("no signing secret was given; {HINT}")]
    NoSecret,
    /// What follows `whsec_` is not standard base64.
    #[error("signing secret {position} is not base64 after `whsec_`; {HINT}")]
    NotBase64 {
        /// Index in the list, from 1.
        position: usize,
    },
    /// The key is shorter or longer than the specification allows.
    #[error("signing secret {position} has {bytes} bytes, 24 to 64 are required; {HINT}")]
    Length {
        /// Index in the list, from 1.
        position: usize,
        /// Bytes of the decoded key.
        bytes: usize,
    },
    /// A key of the asymmetric scheme.
    #[error("signing secret {position} is an asymmetric key, only `whsec_` secrets sign; {HINT}")]
    Asymmetric {
        /// Index in the list, from 1.
        position: usize,
    },
}

/// Signs documents with one secret, or with several while they are rotated.
#[derive(Clone)]
pub struct Signer {
    keyed: Vec<Hmac<Sha256>>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} secrets)", self.keyed.len())
    }
}

impl Signer {
    /// Creates a signer from `secrets`: `whsec_` and standard base64; the prefix is optional, as
    /// in the official libraries. Signatures are in the order of the secrets.
    ///
    /// # Errors
    /// [`SigningError`] names the secret by its index.
    pub fn new(secrets: &[Secret]) -> Result<Self, SigningError> {
        if secrets.is_empty() {
            return Err(SigningError::NoSecret);
        }
        let keyed = secrets
            .iter()
            .zip(1..)
            .map(|(secret, position)| key(secret.reveal(), position))
            .collect::<Result<_, _>>()?;
        Ok(Self { keyed })
    }

    /// Returns the value of `webhook-signature` for a document's id, the attempt's time in Unix
    /// seconds and the exact bytes sent.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let signatures: Vec<String> = self
            .keyed
            .iter()
            .map(|key| signature(key.clone(), id, timestamp_s, body))
            .collect();
        signatures.join(" ")
    }
}

fn key(secret: &str, position: usize) -> Result<Hmac<Sha256>, SigningError> {
    if secret.starts_with("whsk_") || secret.starts_with("whpk_") {
        return Err(SigningError::Asymmetric { position });
    }
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    let key = STANDARD
        .decode(encoded)
        .map_err(|_| SigningError::NotBase64 { position })?;
    let bytes = key.len();
    if !KEY_BYTES.contains(&bytes) {
        return Err(SigningError::Length { position, bytes });
    }
    Hmac::new_from_slice(&key).map_err(|_| SigningError::Length { position, bytes })
}

fn signature(mut mac: Hmac<Sha256>, id: &str, timestamp_s: i64, body: &[u8]) -> String {
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    const SPEC_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn signer(secrets: &[&str]) -> Result<Signer, SigningError> {
        Signer::new(&secrets.iter().map(|s| Secret::new(*s)).collect::<Vec<_>>())
    }

    #[test]
    fn the_published_vectors_come_out() {
        let spec = signer(&[SPEC_SECRET]).expect("secret");
        assert_eq!(
            spec.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let library = signer(&[OTHER_SECRET]).expect("secret");
        assert_eq!(
            library.sign(
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                br#"{"email":"test@example.com","username":"test_user"}"#
            ),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
    }

    #[test]
    fn the_official_library_accepts_either_secret_while_they_are_rotated() {
        let signer = signer(&[SPEC_SECRET, OTHER_SECRET]).expect("secrets");
        let now = chrono::Utc::now().timestamp();
        let signatures = signer.sign("msg_1", now, b"{}");
        let headers = HeaderMap::from_iter(
            [
                (ID_HEADER, "msg_1".to_owned()),
                (TIMESTAMP_HEADER, now.to_string()),
                (SIGNATURE_HEADER, signatures),
            ]
            .map(|(name, value)| {
                let value = HeaderValue::from_str(&value).expect("header");
                (http::HeaderName::from_static(name), value)
            }),
        );
        for secret in [SPEC_SECRET, OTHER_SECRET] {
            let official = standardwebhooks::Webhook::new(secret).expect("secret");
            official.verify(b"{}", &headers).expect("accepted");
            assert!(official.verify(b"{ }", &headers).is_err());
        }
    }

    #[test]
    fn the_first_secret_signs_first() {
        let both = signer(&[SPEC_SECRET, OTHER_SECRET]).expect("secrets");
        let alone = |secret| signer(&[secret]).expect("secret").sign("msg_1", 1, b"x");
        let expected = format!("{} {}", alone(SPEC_SECRET), alone(OTHER_SECRET));
        assert_eq!(both.sign("msg_1", 1, b"x"), expected);
    }

    #[test]
    fn a_bad_secret_is_named_by_its_place_and_never_shown() {
        let cases = [
            ("whsec_p4ss!word", SigningError::NotBase64 { position: 2 }),
            (
                "whsec_AAAA",
                SigningError::Length {
                    position: 2,
                    bytes: 3,
                },
            ),
            ("whsk_AAAA", SigningError::Asymmetric { position: 2 }),
        ];
        for (secret, expected) in cases {
            let error = signer(&[SPEC_SECRET, secret]).expect_err(secret);
            assert_eq!(error, expected);
            assert!(!error.to_string().contains(&secret[6..]));
        }
        assert_eq!(signer(&[]).expect_err("none"), SigningError::NoSecret);
    }

    proptest! {
        #[test]
        fn the_official_library_makes_the_same_signature(
            id in "msg_[A-Za-z0-9]{1,30}", time in 0i64..4_000_000_000, body in ".{0,300}",
        ) {
            let official = standardwebhooks::Webhook::new(SPEC_SECRET).expect("secret");
            let expected = official.sign(&id, time, body.as_bytes()).expect("signed");
            let ours = signer(&[SPEC_SECRET]).expect("secret").sign(&id, time, body.as_bytes());
            prop_assert_eq!(ours, expected);
        }
    }
}
