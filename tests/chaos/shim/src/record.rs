//! `CHAOS_RECORD`: every change of every regular file, every sync and what was said on standard
//! output, in the order in which it happened, for `tests/chaos/power/log.rs` to read.
//!
//! A record: kind (one byte), length of the path, path, offset, length of the data, data; the
//! numbers are 64 bits, little-endian.

use std::os::fd::{IntoRawFd as _, RawFd};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub(crate) const WRITE: u8 = b'w';
pub(crate) const TRUNCATE: u8 = b't';
pub(crate) const SYNC: u8 = b's';
pub(crate) const REMOVE: u8 = b'r';
pub(crate) const SAID: u8 = b'o';

/// The one log. Its holder may act, so that the log has the order of the acts.
pub(crate) struct Log(MutexGuard<'static, RawFd>);

/// The log, when there is to be one.
pub(crate) fn log() -> Option<Log> {
    static LOG: OnceLock<Option<Mutex<RawFd>>> = OnceLock::new();
    let log = LOG.get_or_init(|| {
        let path = std::env::var_os("CHAOS_RECORD")?;
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path);
        Some(Mutex::new(file.ok()?.into_raw_fd()))
    });
    let log = log.as_ref()?.lock();
    Some(Log(log.unwrap_or_else(PoisonError::into_inner)))
}

impl Log {
    pub(crate) fn add(&self, kind: u8, path: &Path, offset: u64, data: &[u8]) {
        let path = path.as_os_str().as_encoded_bytes();
        let mut record = vec![kind];
        record.extend((path.len() as u64).to_le_bytes());
        record.extend(path);
        record.extend(offset.to_le_bytes());
        record.extend((data.len() as u64).to_le_bytes());
        record.extend(data);
        let mut rest = &record[..];
        while !rest.is_empty() {
            // SAFETY: the buffer is as long as is said.
            let wrote =
                unsafe { libc::syscall(libc::SYS_write, *self.0, rest.as_ptr(), rest.len()) };
            let Ok(wrote) = usize::try_from(wrote) else {
                // A log with a hole would prove nothing.
                std::process::abort();
            };
            rest = &rest[wrote..];
        }
    }
}
