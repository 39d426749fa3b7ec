//! Sockets: what is sent and what comes.

use libc::{c_int, c_void, size_t, sockaddr, socklen_t, ssize_t};

use crate::kill::{self, Kind};
use crate::{bytes, gathered};

pub(crate) fn sent(socket: c_int, data: &[u8], act: impl FnOnce() -> isize) -> isize {
    kill::pass(socket, Kind::Send, true, data);
    let sent = act();
    kill::pass(
        socket,
        Kind::Send,
        false,
        &data[..usize::try_from(sent).unwrap_or(0)],
    );
    sent
}

unsafe fn came(socket: c_int, into: *const c_void, count: isize) -> isize {
    if let Ok(count) = usize::try_from(count) {
        // SAFETY: so many bytes were just written there.
        kill::pass(socket, Kind::Read, false, unsafe { bytes(into, count) });
    }
    count
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: passed on as it came, here and below.
    unsafe { sendto(fd, from, count, flags, std::ptr::null(), 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    flags: c_int,
    to: *const sockaddr,
    length: socklen_t,
) -> ssize_t {
    let act =
        || unsafe { libc::syscall(libc::SYS_sendto, fd, from, count, flags, to, length) } as isize;
    sent(fd, unsafe { bytes(from, count) }, act)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, message: *const libc::msghdr, flags: c_int) -> ssize_t {
    let act = || unsafe { libc::syscall(libc::SYS_sendmsg, fd, message, flags) } as isize;
    let data = unsafe { gathered((*message).msg_iov, (*message).msg_iovlen) };
    sent(fd, &data, act)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recv(
    fd: c_int,
    into: *mut c_void,
    count: size_t,
    flags: c_int,
) -> ssize_t {
    unsafe {
        recvfrom(
            fd,
            into,
            count,
            flags,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvfrom(
    fd: c_int,
    into: *mut c_void,
    count: size_t,
    flags: c_int,
    from: *mut sockaddr,
    length: *mut socklen_t,
) -> ssize_t {
    let came_in =
        unsafe { libc::syscall(libc::SYS_recvfrom, fd, into, count, flags, from, length) } as isize;
    unsafe { came(fd, into, came_in) }
}
