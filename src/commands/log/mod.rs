//! The log of a command that runs for long: to standard error, which no call waits for.

mod queue;

use std::io::{self, IsTerminal as _, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::{backtrace, thread};

use metrics::counter;
use tracing::{Metadata, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use switchhook_core::metric_names;

use queue::{Queue, Teller};

/// What the log says of itself is left out under no circumstances.
const OF_ITSELF: &str = "switchhook::log";

/// Writes what waits when it is let go of, and waits for that.
#[must_use]
pub struct Log(Queue);

/// Logs to standard error; `RUST_LOG` chooses how much, `info` when it is unset. Also what is
/// told of a panic goes there. Nothing, when it cannot be (which is said) or is done already.
pub fn start(json: bool) -> Option<Log> {
    match Queue::start(io::stderr(), Arc::new(Myself)) {
        Ok(queue) => started(queue, json),
        Err(error) => {
            eprintln!("switchhook: no logs: {error}");
            None
        }
    }
}

fn started(queue: Queue, json: bool) -> Option<Log> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(Lines(queue.clone()));
    let started = match json {
        true => log.json().flatten_event(true).try_init(),
        false => log.try_init(),
    };
    if let Err(error) = started {
        eprintln!("switchhook: no logs: {error}");
        return None;
    }
    let of_panics = queue.clone();
    panic::set_hook(Box::new(move |info| {
        of_panics.put_in_any_case(of_panic(info, json).as_bytes());
    }));
    Some(Log(queue))
}

impl Log {
    /// Says the last word, whatever `RUST_LOG` is.
    pub fn say(&self, text: &str) {
        self.0.put_in_any_case(format!("{text}\n").as_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What the standard library would say, which would wait for the lock of standard error.
fn of_panic(info: &PanicHookInfo<'_>, json: bool) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let mut text = format!("thread '{name}' {info}");
    let trace = backtrace::Backtrace::capture();
    if trace.status() == backtrace::BacktraceStatus::Captured {
        text += &format!("\nstack backtrace:\n{trace}");
    }
    if json {
        let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let line = serde_json::json!({"timestamp": at, "level": "ERROR", "message": text});
        text = line.to_string();
    }
    text + "\n"
}

/// What is counted, and told.
struct Myself;

impl Teller for Myself {
    fn count(&self, left_out: u64) {
        counter!(metric_names::LOG_LINES_LEFT_OUT).absolute(left_out);
    }

    fn tell(&self, left_out: u64) {
        warn!(
            target: OF_ITSELF,
            lines = left_out,
            "lines were left out of the log here: what reads standard error was too slow, or its disk was full"
        );
    }
}

/// Gives each line to the queue.
struct Lines(Queue);

/// One line.
struct Line<'a> {
    queue: &'a Queue,
    in_any_case: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: &self.0,
            in_any_case: false,
        }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        Line {
            queue: &self.0,
            in_any_case: of.target() == OF_ITSELF,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.in_any_case {
            self.queue.put_in_any_case(bytes);
        } else if let Err(left_out) = self.queue.put(bytes) {
            Myself.count(left_out);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    #[ignore = "for the test below, in a process of its own"]
    fn panics() {
        let log = start(true);
        let panicked = thread::spawn(|| panic!("of all things")).join();
        assert!(panicked.is_err());
        drop(log);
    }

    #[test]
    fn a_panic_is_a_line_of_the_log() {
        let itself = std::env::current_exe().unwrap();
        let arguments = ["commands::log::tests::panics", "--exact", "--ignored"];
        let ran = Command::new(itself).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let log = String::from_utf8(ran.stderr).unwrap();
        let line = log.lines().find(|line| line.starts_with('{')).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "ERROR");
        let message = line["message"].as_str().unwrap();
        assert!(message.contains("panicked at src/commands/log/mod.rs"));
        assert!(message.contains("of all things"), "{message}");
    }
}
