//! The environment variables and secret files that a configuration refers to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest file of a secret, in bytes.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

/// Gives environment variables and the contents of secret files.
pub trait Environment {
    /// Returns the environment variable `name`; `None` when it is unset or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns the text of a secret's file.
    ///
    /// # Errors
    /// Returns an error when the file cannot be read, is not UTF-8, or is larger than 64 KiB.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// Returns another environment for the store's password, or `None` to use this one.
    fn for_store(&self) -> Option<&'static dyn Environment> {
        None
    }

    /// Returns another environment for the upload target's key, or `None` to use this one.
    fn for_upload_target(&self) -> Option<&'static dyn Environment> {
        None
    }

    /// Whether the secrets are real; `false` for placeholders.
    fn has_real_secrets(&self) -> bool {
        true
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        read_limited(path, SECRET_FILE_LIMIT)
    }
}

/// Gives a placeholder for every secret but the store's password.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PlaceholderSecrets {
    /// The upload target's key is real as well.
    pub(super) real_target_key: bool,
}

/// Has the form of a signing key, the strictest form of all secrets.
const PLACEHOLDER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Environment for PlaceholderSecrets {
    fn variable(&self, _name: &str) -> Option<String> {
        Some(PLACEHOLDER.to_owned())
    }

    fn file(&self, _path: &Path) -> io::Result<String> {
        Ok(PLACEHOLDER.to_owned())
    }

    fn for_store(&self) -> Option<&'static dyn Environment> {
        Some(&ProcessEnvironment)
    }

    fn for_upload_target(&self) -> Option<&'static dyn Environment> {
        self.real_target_key.then_some(&ProcessEnvironment)
    }

    fn has_real_secrets(&self) -> bool {
        false
    }
}

/// Reads a UTF-8 file of at most `limit` bytes.
pub(super) fn read_limited(path: &Path, limit: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(limit + 1)
        .read_to_string(&mut text)?;
    if read as u64 > limit {
        let what = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}
