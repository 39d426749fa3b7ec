//! Stands between a program and its system calls, by `LD_PRELOAD`: so the chaos suite breaks
//! the program that is shipped, which knows nothing of it.
//!
//! | Environment | What it does |
//! |---|---|
//! | `CHAOS_KILL` | `kill -9` at a system call: see `kill` |
//! | `CHAOS_RECORD` | a file that gets every change of every file, and every sync: see `record` |
//! | `CHAOS_CONTROL` | a file whose bytes say what fails now: see `control` |
//!
//! Every function here does its system call itself, so that nothing has to be looked up.
//! `unsafe` is what an interposer is made of; it is a crate of its own for that reason.

#![cfg(target_os = "linux")]
#![allow(clippy::missing_safety_doc)] // Each has the contract of the C function of its name.

mod control;
mod files;
mod kill;
mod record;
mod sockets;
mod time;

use std::path::PathBuf;

use libc::{c_int, c_void, size_t};

/// What a descriptor is open on.
fn path(fd: c_int) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()
}

/// The bytes that a caller hands over.
unsafe fn bytes<'a>(from: *const c_void, count: size_t) -> &'a [u8] {
    if from.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller's contract is that of `write`.
    unsafe { std::slice::from_raw_parts(from.cast(), count) }
}

/// The bytes of a gathering write, as one piece.
unsafe fn gathered(parts: *const libc::iovec, count: usize) -> Vec<u8> {
    // SAFETY: the caller's contract is that of `writev`.
    let parts = unsafe { std::slice::from_raw_parts(parts, count) };
    let part = |part: &libc::iovec| {
        // SAFETY: as above, of each part.
        unsafe { bytes(part.iov_base, part.iov_len) }.to_vec()
    };
    parts.iter().flat_map(part).collect()
}

fn fail(error: c_int) -> isize {
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() = error };
    -1
}
