//! Which file is open.

use std::path::{Path, PathBuf};

use crate::StoreError;

/// The file that was opened, to notice that another one has its name: SQLite would go on
/// writing to a file that no other process can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileIdentity {
    path: PathBuf,
    /// Device and inode.
    number: (u64, u64),
}

impl FileIdentity {
    /// Returns the identity of the file at `path`.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        match number(&path) {
            Ok(number) => Ok(Self { path, number }),
            Err(_) => Err(StoreError::Gone { path }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the same file still has the name.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match number(&self.path) {
            Ok(number) if number == self.number => Ok(()),
            Ok(_) | Err(_) => Err(StoreError::Gone {
                path: self.path.clone(),
            }),
        }
    }
}

#[cfg(unix)]
fn number(path: &Path) -> std::io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn number(path: &Path) -> std::io::Result<(u64, u64)> {
    // An open file cannot be removed there.
    std::fs::metadata(path).map(|_| (0, 0))
}
