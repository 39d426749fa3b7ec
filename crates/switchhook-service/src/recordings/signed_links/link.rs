//! A link's path and its signature.

use std::fmt;

use axum::http::StatusCode;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use switchhook_core::secret::Secret;

/// Why a file is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Nothing is there for anybody.
    #[error("nothing is here")]
    Nothing,
    /// The signature is missing, or another's.
    #[error("this link was not made here, or not for this file")]
    Forged,
    /// It held once.
    #[error("this link has expired")]
    Expired,
}

impl Refused {
    /// The word in the metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "absent",
            Self::Forged => "forged",
            Self::Expired => "expired",
        }
    }

    /// What it is answered with.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Nothing => StatusCode::NOT_FOUND,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Expired => StatusCode::GONE,
        }
    }
}

/// What links are signed with.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    pub(super) fn new(secret: &Secret) -> Self {
        // HMAC takes a key of any length.
        let keyed = Hmac::new_from_slice(secret.reveal().as_bytes());
        Self(keyed.unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default())))
    }

    /// The query of a link to `path` that holds until then, s since 1970.
    pub(super) fn query(&self, path: &str, until: u64) -> String {
        let signature = self.over(path, until).finalize().into_bytes();
        let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("expires={until}&signature={signature}")
    }

    /// Whether a query opens `path` now, s since 1970.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn admits(&self, path: &str, query: &str, now: u64) -> Result<(), Refused> {
        let value = |wanted: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let until = value("expires").and_then(|text| text.parse().ok());
        let signature = value("signature").and_then(bytes);
        let (Some(until), Some(signature)) = (until, signature) else {
            return Err(Refused::Forged);
        };
        // In constant time.
        let verified = self.over(path, until).verify_slice(&signature);
        verified.map_err(|_| Refused::Forged)?;
        if now >= until {
            Err(Refused::Expired)
        } else {
            Ok(())
        }
    }

    fn over(&self, path: &str, until: u64) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        // No path has a line feed before what follows it: a number.
        mac.update(format!("{path}\n{until}").as_bytes());
        mac
    }
}

/// Hexadecimal digits as bytes; at most a signature's.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = (0..hex.len()).step_by(2).filter(|_| is_hex);
    let bytes: Option<Vec<u8>> = pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect();
    bytes.filter(|_| is_hex)
}
