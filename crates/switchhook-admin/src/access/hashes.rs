//! Hashes of tokens and passwords: the configuration holds these, never what they are made of.

use std::fmt::Write as _;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The shortest token and password.
pub const LEAST: usize = 16;
/// What the hash of a token begins with.
const SHA256: &str = "sha256:";
/// The most memory that checking a password may take, in KiB.
const MEMORY: u32 = 256 * 1024;
/// The most passes over it.
const PASSES: u32 = 16;

/// SHA-256 of a token. A token is random, so a fast hash is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Reads what [`TokenHash`] prints; `None` if it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(SHA256)?;
        let digits = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        let mut bytes = [0; 32];
        for (at, place) in bytes.iter_mut().enumerate() {
            *place = byte(2 * at).filter(|_| digits)?;
        }
        Some(Self(bytes))
    }

    /// Whether this is the hash of the token. The time of the comparison reveals nothing of the
    /// token: what is compared are hashes.
    #[must_use]
    pub fn fits(&self, token: &str) -> bool {
        Self::of(token) == *self
    }
}

impl std::fmt::Display for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(SHA256)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns random bytes as text: a token, or the secret of a session.
///
/// # Errors
/// The system has no random numbers.
pub fn random_text() -> Result<String, String> {
    let mut bytes = [0; 32];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| format!("the system has no random numbers: {error}"))?;
    let mut text = String::from("swh_");
    let _ = write!(text, "{}", URL_SAFE_NO_PAD.encode(bytes));
    Ok(text)
}

/// Hashes a password with argon2id (19 MiB, 2 passes) and a random salt.
///
/// # Errors
/// The system has no random numbers.
pub fn hash_password(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| format!("the password cannot be hashed: {error}"))?;
    Ok(hash.to_string())
}

/// Checks that a text is a hash of a password whose check takes bounded time and memory.
///
/// # Errors
/// What is wrong with it.
pub fn check_password_hash(text: &str) -> Result<(), String> {
    let hash =
        PasswordHash::new(text).map_err(|error| format!("is no hash of a password: {error}"))?;
    if hash.algorithm.as_str() != "argon2id" {
        return Err(format!(
            "is made with {}, not with argon2id",
            hash.algorithm
        ));
    }
    let params = argon2::Params::try_from(&hash);
    let params = params.map_err(|error| format!("is no hash of a password: {error}"))?;
    if params.m_cost() > MEMORY || params.t_cost() > PASSES || hash.hash.is_none() {
        return Err("takes too much memory or time to check, or is only a part of a hash".into());
    }
    Ok(())
}

/// Whether a password fits its hash. It takes tens of milliseconds on purpose.
pub(crate) fn password_fits(password: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    parsed.is_ok_and(|hash| {
        let checked = Argon2::default().verify_password(password.as_bytes(), &hash);
        checked.is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_own_hash_and_no_other() {
        let token = random_text().unwrap();
        assert!(token.len() > 40 && token != random_text().unwrap());
        let hash = TokenHash::of(&token);
        assert_eq!(TokenHash::parse(&hash.to_string()), Some(hash));
        assert!(hash.fits(&token) && !hash.fits("swh_"));
        for wrong in [
            "",
            "sha256:",
            "sha256:+f",
            &hash.to_string()[1..],
            &format!("{hash}0"),
        ] {
            assert_eq!(TokenHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_password_fits_its_own_hash_and_costly_hashes_are_refused() {
        let hash = hash_password("correct horse battery").unwrap();
        assert_eq!(check_password_hash(&hash), Ok(()));
        assert!(password_fits("correct horse battery", &hash));
        assert!(!password_fits("correct horse batter", &hash) && !password_fits("", &hash));
        assert_ne!(
            hash,
            hash_password("correct horse battery").unwrap(),
            "a salt"
        );
        for wrong in [
            "correct horse battery".to_owned(),
            hash.replace("argon2id", "argon2i"),
            hash.replace("m=19456", "m=4000000"),
            hash.replace("t=2", "t=1000"),
            hash[..hash.rfind('$').unwrap()].to_owned(),
        ] {
            assert!(check_password_hash(&wrong).is_err(), "{wrong}");
        }
    }
}
