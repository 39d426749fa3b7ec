//! One `serve` for each SQLite file: a lock on a file beside it, which the
//! operating system frees when its holder dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Held for as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the database at `path`.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(beside(path))
            .map_err(|error| disk(path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(disk(path, &error)),
        }
        sign(&mut file).map_err(|error| disk(path, &error))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Closing alone would leave the lock to a child process that was being started just
    /// now and still has our descriptor.
    fn drop(&mut self) {
        // What cannot be unlocked is when the process ends.
        let _ = self.file.unlock();
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Leaves our process number, for the message of whoever comes second.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn in_use(path: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    // Best effort: the number is for the message only.
    let read = file.take(20).read_to_string(&mut holder);
    let by = match read {
        Ok(_) if !holder.is_empty() => format!(" (process {})", holder.trim()),
        Ok(_) | Err(_) => String::new(),
    };
    StoreError::InUse {
        path: path.to_owned(),
        by,
    }
}

fn disk(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Disk {
        store: path.display().to_string(),
        why: error.to_string(),
    }
}
