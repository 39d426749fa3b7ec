//! What a configuration reads besides its file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes read of a secret's file.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

/// Environment variables and the files of secrets.
pub trait Environment {
    /// The environment variable `name`; `None` when it is unset or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a secret's file.
    ///
    /// # Errors
    /// When the file cannot be read, is no UTF-8, or is larger than 64 KiB.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// What the store's password is taken from, when not from the same.
    fn of_the_store(&self) -> Option<&'static dyn Environment> {
        None
    }

    /// What the key of the uploads' target is taken from, when not from the same.
    fn of_the_target(&self) -> Option<&'static dyn Environment> {
        None
    }

    /// Whether what comes back can be used.
    fn has_secrets(&self) -> bool {
        true
    }
}

/// Those of this process.
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

/// A place without secrets but the store's: whoever asks gets one that opens nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NoSecrets {
    /// And that of the uploads' target.
    pub(super) has_target: bool,
}

/// Has the form of a signing key too, which is the strictest there is.
const PLACEHOLDER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Environment for NoSecrets {
    fn variable(&self, _name: &str) -> Option<String> {
        Some(PLACEHOLDER.to_owned())
    }

    fn file(&self, _path: &Path) -> io::Result<String> {
        Ok(PLACEHOLDER.to_owned())
    }

    fn of_the_store(&self) -> Option<&'static dyn Environment> {
        Some(&ProcessEnvironment)
    }

    fn of_the_target(&self) -> Option<&'static dyn Environment> {
        self.has_target.then_some(&ProcessEnvironment)
    }

    fn has_secrets(&self) -> bool {
        false
    }
}

/// Reads a text file of at most `limit` bytes.
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
