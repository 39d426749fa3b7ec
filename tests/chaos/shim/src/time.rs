//! The wall clock, which may be wrong; the one that only runs forward never is.

use libc::{c_int, c_void, clockid_t, time_t, timespec, timeval};

use crate::control;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: passed on as it came, here and below.
    let done = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) } as c_int;
    if done == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
        let off = control::clock_off_by_ms();
        // SAFETY: the system call has just filled it.
        let time = unsafe { &mut *time };
        let nanos = time.tv_nsec + off.rem_euclid(1_000) * 1_000_000;
        time.tv_sec += off.div_euclid(1_000) + nanos / 1_000_000_000;
        time.tv_nsec = nanos % 1_000_000_000;
    }
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, _zone: *mut c_void) -> c_int {
    let mut now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let done = unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    if !time.is_null() {
        // SAFETY: the caller's, by the contract of the C function.
        unsafe {
            (*time).tv_sec = now.tv_sec;
            (*time).tv_usec = now.tv_nsec / 1_000;
        }
    }
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(into: *mut time_t) -> time_t {
    let mut now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    if !into.is_null() {
        // SAFETY: the caller's, by the contract of the C function.
        unsafe { *into = now.tv_sec };
    }
    now.tv_sec
}
