//! One `serve` for each SQLite file: a lock on a file beside it. The operating system frees the
//! lock when its holder dies, however it dies.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::place;
use crate::StoreError;

/// A held lock; dropping it frees the lock.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the database at `path`.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it, [`StoreError::Place`] when this user may
    /// not write there, else [`StoreError::Disk`].
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(lock_file(path))
            .map_err(|error| place::unopened(path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(disk(path, &error)),
        }
        write_process_id(&mut file).map_err(|error| disk(path, &error))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Unlocks the file. Closing it is not enough: a child process that is being started may still
    /// have our descriptor, and with it the lock.
    fn drop(&mut self) {
        // After an error the lock is free when the process ends.
        let _ = self.file.unlock();
    }
}

fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Writes our process id, for the error of the next `serve`.
fn write_process_id(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn in_use(path: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    // Only the message needs the process id, so errors are ignored.
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
