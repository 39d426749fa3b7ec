//! Files: what is written, cut, synced and removed.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use libc::{c_char, c_int, c_void, off_t, off64_t, size_t, ssize_t};

use crate::kill::{self, Kind};
use crate::{bytes, control, fail, gathered, path, record};

/// A write to a file at `offset`, or where it stands.
unsafe fn written(
    fd: c_int,
    offset: Option<u64>,
    data: &[u8],
    act: impl FnOnce() -> isize,
) -> isize {
    let (log, planned) = (record::log(), kill::is_planned());
    let Some(path) = path(fd) else { return act() };
    if control::is_full(&path) {
        return fail(libc::ENOSPC);
    }
    if log.is_none() && !planned {
        return act();
    }
    // SAFETY: asks where the descriptor stands; of a pipe it fails.
    let stands = || unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
    let offset = offset.or_else(|| u64::try_from(stands()).ok());
    kill::write(&path, data);
    let wrote = act();
    let done = &data[..usize::try_from(wrote).unwrap_or(0)];
    kill::written(&path, done);
    if let (Some(log), false) = (log, done.is_empty()) {
        match (fd, offset) {
            (libc::STDOUT_FILENO, _) => log.add(record::SAID, &path, 0, done),
            (_, Some(offset)) => log.add(record::WRITE, &path, offset, done),
            (_, None) => {}
        }
    }
    wrote
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, from: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: passed on as it came, here and below.
    let act = || unsafe { libc::syscall(libc::SYS_write, fd, from, count) } as isize;
    let data = unsafe { bytes(from, count) };
    if is_socket(fd) {
        return crate::sockets::sent(fd, data, act);
    }
    unsafe { written(fd, None, data, act) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, parts: *const libc::iovec, count: c_int) -> ssize_t {
    let act = || unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) } as isize;
    let data = unsafe { gathered(parts, usize::try_from(count).unwrap_or(0)) };
    if is_socket(fd) {
        return crate::sockets::sent(fd, &data, act);
    }
    unsafe { written(fd, None, &data, act) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    at: off_t,
) -> ssize_t {
    let act = || unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, count, at) } as isize;
    let data = unsafe { bytes(from, count) };
    unsafe { written(fd, u64::try_from(at).ok(), data, act) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    at: off64_t,
) -> ssize_t {
    unsafe { pwrite(fd, from, count, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    let log = record::log();
    let done = unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) } as c_int;
    if let (Some(log), Some(path), 0) = (log, path(fd), done) {
        log.add(
            record::TRUNCATE,
            &path,
            u64::try_from(length).unwrap_or(0),
            &[],
        );
    }
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off64_t) -> c_int {
    unsafe { ftruncate(fd, length) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    let act = || unsafe { libc::syscall(libc::SYS_fsync, fd) } as c_int;
    synced(fd, act)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    let act = || unsafe { libc::syscall(libc::SYS_fdatasync, fd) } as c_int;
    synced(fd, act)
}

fn synced(fd: c_int, act: impl FnOnce() -> c_int) -> c_int {
    let log = record::log();
    let Some(path) = path(fd) else { return act() };
    if control::sync_fails(&path) {
        return fail(libc::EIO) as c_int;
    }
    kill::sync(&path, true);
    let done = act();
    if done == 0 {
        kill::sync(&path, false);
        if let Some(log) = log {
            log.add(record::SYNC, &path, 0, &[]);
        }
    }
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(name: *const c_char) -> c_int {
    let log = record::log();
    let done = unsafe { libc::syscall(libc::SYS_unlink, name) } as c_int;
    if let (Some(log), 0) = (log, done) {
        // SAFETY: the system call has read it as a C string.
        let name = unsafe { CStr::from_ptr(name) };
        log.add(
            record::REMOVE,
            Path::new(OsStr::from_bytes(name.to_bytes())),
            0,
            &[],
        );
    }
    done
}

fn is_socket(fd: c_int) -> bool {
    let wanted = kill::wants(Kind::Send);
    wanted && path(fd).is_some_and(|path| path.as_os_str().as_bytes().starts_with(b"socket:"))
}
