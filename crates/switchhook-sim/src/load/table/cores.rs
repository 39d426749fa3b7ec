//! Reserves one core for the handler under test and leaves the others to everything else.
//!
//! A figure "on one core" then really is one, and the load generator takes no part of that core.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Returns the first core that this process may use, or `None` if it is the only one.
fn first() -> Option<usize> {
    let ours = sched_getaffinity(None).ok()?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| ours.is_set(*core));
    let first = cores.next()?;
    cores.next().map(|_| first)
}

/// Keeps this thread and the threads that it starts off the first core. Returns that core.
pub fn keep_off_first() -> Option<usize> {
    let first = first()?;
    let mut others = sched_getaffinity(None).ok()?;
    others.unset(first);
    sched_setaffinity(None, &others).ok().map(|()| first)
}

/// Runs `work` on a thread that has `core` to itself. Processes that it starts stay on that core.
pub(super) fn on<T: Send>(core: Option<usize>, work: impl FnOnce() -> T + Send) -> Option<T> {
    let pinned = move || {
        if let Some(core) = core {
            let mut only = CpuSet::new();
            only.set(core);
            // If the system refuses, the thread stays on its cores. That is slower, and the
            // table's cores show it.
            let _ = sched_setaffinity(None, &only);
        }
        work()
    };
    std::thread::scope(|scope| scope.spawn(pinned).join().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_on_a_core_has_no_other() {
        let Some(core) = first() else { return };
        let there = on(Some(core), || sched_getaffinity(None).unwrap().count()).unwrap();
        assert_eq!(there, 1);
        assert!(
            sched_getaffinity(None).unwrap().count() > 1,
            "only that thread"
        );
    }
}
