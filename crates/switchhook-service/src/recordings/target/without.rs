//! Takes the target's place in a program without the cargo feature `uploads`: a configured `upload`
//! is a fault, so there is never a target.

mod options;

use std::convert::Infallible;
use std::fmt;

pub use options::{TargetError, TargetKind, TargetOptions};

use super::{FileSnapshot, Folder, LinkCheck, PublishError};

/// Where recordings are uploaded to: nowhere.
#[derive(Debug)]
pub struct Target(Infallible);

impl fmt::Display for Target {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl Target {
    /// Refuses every target.
    ///
    /// # Errors
    /// Always.
    pub fn open(options: &TargetOptions) -> Result<Self, TargetError> {
        Err(TargetError {
            key: "to",
            what: format!(
                "{} cannot be used: this program was built without uploads",
                options.kind
            ),
            help: "build it with the cargo feature `uploads`, or remove upload",
        })
    }

    /// The folder that recordings are taken from.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        match self.0 {}
    }

    /// Bytes that a recording may have.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        match self.0 {}
    }

    /// Uploads at once.
    #[must_use]
    pub const fn at_once(&self) -> usize {
        match self.0 {}
    }

    #[allow(clippy::unused_async, reason = "a target's is")]
    pub(super) async fn publish(
        &self,
        _: &str,
        _: &str,
        _: &FileSnapshot,
    ) -> Result<String, PublishError> {
        match self.0 {}
    }

    /// The keys of a call's objects.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async, reason = "a target's is")]
    pub async fn keys_of_call(&self, _: &str) -> Result<Vec<String>, String> {
        match self.0 {}
    }

    /// Deletes objects by their keys.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async, reason = "a target's is")]
    pub async fn delete(&self, _: &[String]) -> Result<(), String> {
        match self.0 {}
    }

    /// Puts a small object and deletes it.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async, reason = "a target's is")]
    pub async fn probe(&self) -> Result<LinkCheck, String> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::time::Duration;

    use super::*;

    #[test]
    fn a_configured_upload_is_a_fault_that_names_the_feature() {
        let path = "/srv/recordings".into();
        let error = Target::open(&TargetOptions {
            folder: Folder::default(),
            kind: TargetKind::Folder { path },
            prefix: String::new(),
            public_url: None,
            expires: Duration::from_secs(1),
            bytes: 1,
            at_once: 1,
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("file:///srv/recordings"), "{error}");
        assert!(error.contains("the cargo feature `uploads`"), "{error}");
    }
}
