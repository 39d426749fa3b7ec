//! `CHAOS_CONTROL`: 16 bytes that the suite changes while the program runs: by how many
//! milliseconds the clock is wrong (64 bits, little-endian), then what fails (a byte of flags).

use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// Writes of the store's files find no space.
const FULL: i64 = 1;
/// Syncs of the store's files fail.
const SYNC_FAILS: i64 = 2;

struct Page(*const AtomicI64);

// SAFETY: the mapping lives as long as the process, and is only read, atomically.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

fn at(place: usize) -> i64 {
    static PAGE: OnceLock<Option<Page>> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let file = std::fs::File::open(std::env::var_os("CHAOS_CONTROL")?).ok()?;
        // SAFETY: a new mapping of a file that the suite made 16 bytes long.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                16,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        (page != libc::MAP_FAILED).then(|| Page(page.cast()))
    });
    page.as_ref().map_or(0, |page| {
        // SAFETY: there are two of them.
        unsafe { (*page.0.add(place)).load(Ordering::Relaxed) }
    })
}

/// By how much the clock is wrong.
pub(crate) fn clock_off_by_ms() -> i64 {
    at(0)
}

pub(crate) fn is_full(path: &Path) -> bool {
    at(1) & FULL != 0 && is_store(path)
}

pub(crate) fn sync_fails(path: &Path) -> bool {
    at(1) & SYNC_FAILS != 0 && is_store(path)
}

fn is_store(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b"store.db") && !name.ends_with(b".lock")
}
