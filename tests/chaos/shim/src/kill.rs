//! `CHAOS_KILL`: steps, one a line, each `KIND WHEN TEXT`; at the last one the process dies as
//! by `kill -9`.
//!
//! `same ` before a step: it is of the socket of the step before, and of no other.
//!
//! KIND is `write` (to a write-ahead log, TEXT in its bytes), `sync` (of one whose bytes since
//! the last hold TEXT), `send` or `read` (of a socket, TEXT in its bytes); WHEN is `before` or `after` the system call. A step
//! but the last has been taken when its system call was made.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libc::c_int;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Write,
    Sync,
    Send,
    Read,
}

struct Step {
    same: bool,
    kind: Kind,
    before: bool,
    text: Vec<u8>,
}

struct Plan {
    steps: Vec<Step>,
    taken: usize,
    /// The socket of the step that was taken last.
    socket: Option<c_int>,
    /// What was written to each log since it was synced.
    unsynced: HashMap<PathBuf, Vec<u8>>,
}

fn plan() -> Option<MutexGuard<'static, Plan>> {
    static PLAN: OnceLock<Option<Mutex<Plan>>> = OnceLock::new();
    let plan = PLAN.get_or_init(|| {
        let text = std::env::var("CHAOS_KILL").ok()?;
        let steps = text.lines().map(step).collect();
        Some(Mutex::new(Plan {
            steps,
            taken: 0,
            socket: None,
            unsynced: HashMap::new(),
        }))
    });
    Some(
        plan.as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    )
}

fn step(line: &str) -> Step {
    let rest = line.strip_prefix("same ");
    let mut words = rest.unwrap_or(line).splitn(3, ' ');
    let kind = match words.next() {
        Some("write") => Kind::Write,
        Some("sync") => Kind::Sync,
        Some("send") => Kind::Send,
        _ => Kind::Read,
    };
    let before = words.next() == Some("before");
    let text = words.next().unwrap_or_default().as_bytes().to_vec();
    Step {
        same: rest.is_some(),
        kind,
        before,
        text,
    }
}

pub(crate) fn is_planned() -> bool {
    plan().is_some()
}

/// Whether the step that is next is of this kind.
pub(crate) fn wants(kind: Kind) -> bool {
    plan().is_some_and(|plan| {
        plan.steps
            .get(plan.taken)
            .is_some_and(|step| step.kind == kind)
    })
}

/// Something is about to be written to a file.
pub(crate) fn write(path: &Path, data: &[u8]) {
    if let Some(plan) = plan().filter(|_| is_log(path)) {
        reach(plan, None, Kind::Write, true, data);
    }
}

/// Something was written to it.
pub(crate) fn written(path: &Path, data: &[u8]) {
    if let Some(mut plan) = plan().filter(|_| is_log(path)) {
        plan.unsynced
            .entry(path.to_owned())
            .or_default()
            .extend(data);
    }
}

/// A log is about to be synced; then to be called again when it was.
pub(crate) fn sync(path: &Path, before: bool) {
    let Some(mut plan) = plan().filter(|_| is_log(path)) else {
        return;
    };
    let data = match before {
        true => plan.unsynced.get(path).cloned(),
        false => plan.unsynced.remove(path),
    };
    reach(plan, None, Kind::Sync, before, &data.unwrap_or_default());
}

/// Bytes go to a socket, or came from one.
pub(crate) fn pass(socket: c_int, kind: Kind, before: bool, data: &[u8]) {
    if let Some(plan) = plan() {
        reach(plan, Some(socket), kind, before, data);
    }
}

fn reach(
    mut plan: MutexGuard<'_, Plan>,
    socket: Option<c_int>,
    kind: Kind,
    before: bool,
    data: &[u8],
) {
    let taken = plan.taken;
    let Some(step) = plan.steps.get(taken) else {
        return;
    };
    let is_there = !step.same || socket == plan.socket;
    let is_it = step.kind == kind && step.before == before && holds(data, &step.text);
    if is_there && is_it {
        plan.socket = socket;
        plan.taken += 1;
        if plan.taken == plan.steps.len() {
            die();
        }
    }
}

fn holds(data: &[u8], text: &[u8]) -> bool {
    text.is_empty() || data.windows(text.len()).any(|window| window == text)
}

fn is_log(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"-wal")
}

fn die() -> ! {
    // SAFETY: no memory is touched; nothing of this process runs afterwards.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::hint::spin_loop();
    }
}
