//! The lines that wait for the log, and the thread that writes them.
//!
//! A caller adds its line and goes on. `tracing-appender` does nearly this, but its guard drops the
//! rest after a second, reports that on standard output (which may be the very pipe that blocks),
//! and does not count what it could not write.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait, at most; as many again may be being written. Enough for ten thousand calls at
/// `info`.
const CAPACITY: usize = 4 << 20;

/// Bytes of one write: what a pipe accepts as a whole (`PIPE_BUF`), so that no line of another
/// program comes in between.
const PIPE_BUF: usize = 4096;

/// The time to the next write after one that would block.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// At the end, a reader that accepts nothing for this time gets no more.
const STALL_LIMIT: Duration = Duration::from_secs(2);

/// Lines on their way to the log.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
    capacity: usize,
}

struct Shared {
    state: Mutex<State>,
    /// Notified when lines wait, or when the queue ends.
    work: Condvar,
    /// Notified after each write, and when the thread ends.
    written: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    /// Lost lines that the log does not report yet.
    unreported: u64,
    /// The number of writes, failed ones included.
    writes: u64,
    ending: bool,
    ended: bool,
}

/// Reports lost lines.
pub trait LossReporter: Send + Sync + 'static {
    /// Sets the number of lines lost since the start.
    fn count(&self, lost: u64);

    /// Logs the number of lines lost since the last report, with [`Queue::push_always`].
    fn report(&self, lost: u64);
}

impl Queue {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// Fails if the system starts no thread.
    pub fn start(
        out: impl Write + Send + 'static,
        reporter: Arc<dyn LossReporter>,
    ) -> io::Result<Self> {
        Self::with_capacity(CAPACITY, out, reporter)
    }

    fn with_capacity(
        capacity: usize,
        out: impl Write + Send + 'static,
        reporter: Arc<dyn LossReporter>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            out,
            reporter,
        };
        let thread = thread::Builder::new().name("log".into());
        thread.spawn(move || writer.run())?;
        Ok(Self { shared, capacity })
    }

    /// Adds a line, or drops it if the queue is full.
    ///
    /// # Errors
    /// Fails with the number of lines lost since the start.
    pub fn push(&self, line: &[u8]) -> Result<(), u64> {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > self.capacity {
            state.lost += 1;
            state.unreported += 1;
            return Err(state.lost);
        }
        self.shared.add(state, line);
        Ok(())
    }

    /// Adds a line even if the queue is full: for rare lines that must not be lost, such as a panic.
    pub fn push_always(&self, text: &[u8]) {
        self.shared.add(self.shared.lock(), text);
    }

    /// Waits until all lines are written, or the reader accepts nothing for two seconds.
    pub fn end(&self) {
        let mut state = self.shared.lock();
        state.ending = true;
        self.shared.work.notify_one();
        while !state.ended {
            let before = state.writes;
            let waited = self.shared.written.wait_timeout(state, STALL_LIMIT);
            let (now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && now.writes == before {
                return;
            }
            state = now;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds text and wakes the thread, which sleeps only while the queue is empty.
    fn add(&self, mut state: MutexGuard<'_, State>, text: &[u8]) {
        let is_first = state.waiting.is_empty();
        state.waiting.extend_from_slice(text);
        drop(state);
        if is_first {
            self.work.notify_one();
        }
    }
}

struct Writer<W> {
    shared: Arc<Shared>,
    out: W,
    reporter: Arc<dyn LossReporter>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut accepts = true;
        while let Some((lines, unreported)) = self.next(accepts) {
            // Reported before these lines are written, so that the report stands right behind them.
            if unreported > 0 {
                self.reporter.report(unreported);
            }
            accepts = self.write_all(&lines);
        }
        self.shared.lock().ended = true;
        self.shared.written.notify_all();
    }

    /// Waits for lines and returns them, with the number of lines lost behind them; `None` at the
    /// end. `accepts`: the last write succeeded; otherwise there is no report.
    fn next(&self, accepts: bool) -> Option<(Vec<u8>, u64)> {
        let mut state = self.shared.lock();
        while state.waiting.is_empty() {
            if state.ending {
                let unreported = mem::take(&mut state.unreported);
                return (accepts && unreported > 0).then_some((Vec::new(), unreported));
            }
            let waited = self.shared.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let unreported = if accepts {
            mem::take(&mut state.unreported)
        } else {
            0
        };
        Some((mem::take(&mut state.waiting), unreported))
    }

    /// Writes all lines; `false` if some could not be written.
    fn write_all(&mut self, lines: &[u8]) -> bool {
        let mut rest = lines;
        while !rest.is_empty() {
            match self.out.write(next_write(rest)) {
                Ok(0) => break,
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(RETRY_AFTER);
                    continue;
                }
                Err(_) => break,
            }
            self.shared.lock().writes += 1;
            self.shared.written.notify_all();
        }
        if rest.is_empty() {
            return true;
        }
        let lost = rest.iter().filter(|byte| **byte == b'\n').count() as u64;
        let mut state = self.shared.lock();
        state.unreported += lost;
        state.lost += lost;
        let lost = state.lost;
        drop(state);
        self.reporter.count(lost);
        false
    }
}

/// Returns as many whole lines as fit in one write; a longer line by itself.
fn next_write(lines: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| *byte == b'\n';
    let first = &lines[..lines.len().min(PIPE_BUF)];
    let end = match first.iter().rposition(is_end) {
        Some(end) => end + 1,
        None => lines
            .iter()
            .position(is_end)
            .map_or(lines.len(), |end| end + 1),
    };
    &lines[..end]
}

#[cfg(test)]
mod tests;
