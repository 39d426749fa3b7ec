//! The signature of a link, and its verification.

use std::fmt;

use axum::http::StatusCode;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use switchhook_core::secret::Secret;

/// Why a file is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is no such path.
    #[error("nothing is here")]
    NotFound,
    /// The signature is missing, or belongs to another link.
    #[error("this link is not valid for this file")]
    Forged,
    /// The link's time is over.
    #[error("this link has expired")]
    Expired,
}

impl LinkError {
    /// Returns the value of the metric's label `outcome`.
    pub(crate) const fn outcome(self) -> &'static str {
        match self {
            Self::NotFound => "absent",
            Self::Forged => "forged",
            Self::Expired => "expired",
        }
    }

    /// Returns the HTTP status of the response.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Expired => StatusCode::GONE,
        }
    }
}

/// The key that signs links.
#[derive(Clone)]
pub(crate) struct LinkKey(Hmac<Sha256>);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    pub(super) fn new(secret: &Secret) -> Self {
        // HMAC takes a key of any length.
        let keyed = Hmac::new_from_slice(secret.reveal().as_bytes());
        Self(keyed.unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default())))
    }

    /// Returns the query of a link to `path` that is valid until `until`, in seconds since 1970, for
    /// the file with this content tag.
    pub(super) fn query(&self, path: &str, until: u64, file: &str) -> String {
        let signature = self.mac(path, until, file).finalize().into_bytes();
        let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("expires={until}&file={file}&signature={signature}")
    }

    /// Checks that a query is valid for `path` at `now`, in seconds since 1970. Returns the content
    /// tag of the file that it is for.
    ///
    /// # Errors
    /// Returns why it is not.
    pub(super) fn verify<'a>(
        &self,
        path: &str,
        query: &'a str,
        now: u64,
    ) -> Result<&'a str, LinkError> {
        let value = |wanted: &str| -> Option<&'a str> {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let until = value("expires").and_then(|text| text.parse().ok());
        let signature = value("signature").and_then(decode_signature);
        let (Some(until), Some(file), Some(signature)) = (until, value("file"), signature) else {
            return Err(LinkError::Forged);
        };
        // Compares in constant time.
        let verified = self.mac(path, until, file).verify_slice(&signature);
        verified.map_err(|_| LinkError::Forged)?;
        if now >= until {
            Err(LinkError::Expired)
        } else {
            Ok(file)
        }
    }

    fn mac(&self, path: &str, until: u64, file: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        // Unambiguous: what follows the path has no line feed.
        mac.update(format!("{path}\n{until} {file}").as_bytes());
        mac
    }
}

/// Decodes the hexadecimal digits of a signature.
fn decode_signature(hex: &str) -> Option<Vec<u8>> {
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = (0..hex.len()).step_by(2).filter(|_| is_hex);
    let bytes: Option<Vec<u8>> = pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect();
    bytes.filter(|_| is_hex)
}
