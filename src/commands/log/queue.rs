//! What waits to be written to the log, and the thread that writes it.
//!
//! Whoever has something to log puts it down and goes on. `tracing-appender` does as much, but its
//! guard gives the rest up after a second, tells so on standard output (which may be the very pipe
//! that nobody reads), and what could not be written it does not count.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait at most, beside as many that are being written: ten thousand calls at `info`.
const ROOM: usize = 4 << 20;

/// How much is written at once: what a pipe takes whole (`PIPE_BUF`), so that no other program's
/// line comes in between.
const PIECE: usize = 4096;

/// A file that would block is tried again after this.
const AGAIN: Duration = Duration::from_millis(10);

/// At the end, who takes nothing for so long gets no more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lines on their way to the log.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
    room: usize,
}

struct Shared {
    state: Mutex<State>,
    /// Something waits, or nothing more will come.
    work: Condvar,
    /// A piece was written, or the thread is done.
    written: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    left_out: u64,
    /// Of those, how many the log does not tell of yet.
    untold: u64,
    /// Pieces that were written, or could not be.
    pieces: u64,
    ending: bool,
    ended: bool,
}

/// What the queue says of itself: lines that were left out in all, for the metric, and how many
/// the log is to tell of now, if any.
pub trait Teller: Send + Sync + 'static {
    /// So many were left out since the start.
    fn count(&self, left_out: u64);

    /// Logs that so many were left out since it was last told; with [`Queue::put_in_any_case`].
    fn tell(&self, left_out: u64);
}

impl Queue {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(out: impl Write + Send + 'static, teller: Arc<dyn Teller>) -> io::Result<Self> {
        Self::with_room(ROOM, out, teller)
    }

    fn with_room(
        room: usize,
        out: impl Write + Send + 'static,
        teller: Arc<dyn Teller>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            out,
            teller,
        };
        let thread = thread::Builder::new().name("log".into());
        thread.spawn(move || writer.run())?;
        Ok(Self { shared, room })
    }

    /// Puts a line down unless there is no room: then it is left out, and the number of all that
    /// were is returned.
    ///
    /// # Errors
    /// How many were left out.
    pub fn put(&self, line: &[u8]) -> Result<(), u64> {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > self.room {
            state.left_out += 1;
            state.untold += 1;
            return Err(state.left_out);
        }
        self.shared.add(state, line);
        Ok(())
    }

    /// Puts down what must not be lost and is rare: what is told of a panic, or of the end.
    pub fn put_in_any_case(&self, text: &[u8]) {
        self.shared.add(self.shared.lock(), text);
    }

    /// Waits until all is written, or nobody takes any of it for two seconds.
    pub fn end(&self) {
        let mut state = self.shared.lock();
        state.ending = true;
        self.shared.work.notify_one();
        while !state.ended {
            let before = state.pieces;
            let waited = self.shared.written.wait_timeout(state, PATIENCE);
            let (now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && now.pieces == before {
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

    /// The thread sleeps only while nothing waits.
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
    teller: Arc<dyn Teller>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut takes = true;
        while let Some((lines, untold)) = self.next(takes) {
            // Before these are written, so that it stands right behind them.
            if untold > 0 {
                self.teller.tell(untold);
            }
            takes = self.write_all(&lines);
        }
        self.shared.lock().ended = true;
        self.shared.written.notify_all();
    }

    /// What waits, and how many were left out behind it; nothing when it is the end. `takes` says
    /// whether what was written last found somebody who took it: else nobody is told.
    fn next(&self, takes: bool) -> Option<(Vec<u8>, u64)> {
        let mut state = self.shared.lock();
        while state.waiting.is_empty() {
            if state.ending {
                let untold = mem::take(&mut state.untold);
                return (takes && untold > 0).then_some((Vec::new(), untold));
            }
            let waited = self.shared.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let untold = match takes {
            true => mem::take(&mut state.untold),
            false => 0,
        };
        Some((mem::take(&mut state.waiting), untold))
    }

    /// Whether all of it was written.
    fn write_all(&mut self, lines: &[u8]) -> bool {
        let mut rest = lines;
        while !rest.is_empty() {
            match self.out.write(piece(rest)) {
                Ok(0) => break,
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(AGAIN);
                    continue;
                }
                Err(_) => break,
            }
            self.shared.lock().pieces += 1;
            self.shared.written.notify_all();
        }
        if rest.is_empty() {
            return true;
        }
        let lost = rest.iter().filter(|byte| **byte == b'\n').count() as u64;
        let mut state = self.shared.lock();
        state.untold += lost;
        state.left_out += lost;
        let left_out = state.left_out;
        drop(state);
        self.teller.count(left_out);
        false
    }
}

/// As many whole lines as a pipe takes at once; a longer line by itself.
fn piece(lines: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| *byte == b'\n';
    let first = &lines[..lines.len().min(PIECE)];
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
