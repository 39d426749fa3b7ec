//! The log of a long-running command, on standard error.
//!
//! Lines go through a queue with a limit, so that no call waits for a slow reader.

mod masked;
mod queue;

use std::fmt::{self, Debug, Write as _};
use std::io::{self, IsTerminal as _, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::{backtrace, thread};

use metrics::counter;
use tracing::field::Field;
use tracing::{Metadata, warn};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use switchhook_core::printable::{self, OneLine};
use switchhook_core::{clock, metric_names, timestamp};

pub use masked::mask_numbers;
use queue::{LossReporter, Queue};

/// The target of the log's lines about itself, which are never dropped.
const LOG_TARGET: &str = "switchhook::log";

/// The running log. Dropping it writes the waiting lines first.
#[must_use]
pub struct Log(Queue);

/// Starts the log on standard error, at the level of `RUST_LOG` (default `info`). Panics are logged
/// too. Prints why and returns `None` if the log cannot start or runs already.
pub fn start(json: bool) -> Option<Log> {
    match Queue::start(io::stderr(), Arc::new(LossMetric)) {
        Ok(queue) => started(queue, json),
        Err(error) => {
            super::write_stderr(&format!("switchhook: no logs: {error}\n"));
            None
        }
    }
}

fn started(queue: Queue, json: bool) -> Option<Log> {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let (levels, fault) = match levels(&asked) {
        Ok(levels) => (levels, None),
        Err(error) => (levels_by_default(), Some(error)),
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(Lines {
            queue: queue.clone(),
            json,
        });
    let started = if json {
        let log = log.json().flatten_event(true).finish();
        log.with(levels).try_init()
    } else {
        let log = log
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .finish();
        log.with(levels).try_init()
    };
    if let Err(error) = started {
        super::write_stderr(&format!("switchhook: no logs: {error}\n"));
        return None;
    }
    if let Some(error) = fault {
        warn!(RUST_LOG = asked, %error, "not a level (such as debug), nor MODULE=LEVEL with commas between: info is logged");
    }
    let of_panics = queue.clone();
    panic::set_hook(Box::new(move |info| {
        of_panics.push_always(masked::line(&panic_text(info, json), json).as_bytes());
    }));
    Some(Log(queue))
}

/// Returns what is logged by `RUST_LOG`: a level, or levels of modules (`info,switchhook_webhook=debug`).
///
/// # Errors
/// It is neither.
fn levels(asked: &str) -> Result<Targets, ParseError> {
    if asked.is_empty() {
        return Ok(levels_by_default());
    }
    asked.parse()
}

fn levels_by_default() -> Targets {
    Targets::new().with_default(LevelFilter::INFO)
}

/// Writes a field of the human format. Every value goes through here: what comes from outside forges
/// no line and commands no terminal.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(OneLine(writer), "{value:?}"),
        name => {
            writer.write_str(name)?;
            writer.write_char('=')?;
            write!(OneLine(writer), "{value:?}")
        }
    }
}

impl Log {
    /// Writes a line, whatever `RUST_LOG` is.
    pub fn write(&self, text: &str) {
        let text = printable::lines(text);
        self.0.push_always(format!("{text}\n").as_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Returns the text of a panic. The standard library's own hook would wait for the lock of
/// standard error.
fn panic_text(info: &PanicHookInfo<'_>, json: bool) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let mut text = format!("thread '{name}' {info}");
    let trace = backtrace::Backtrace::capture();
    if trace.status() == backtrace::BacktraceStatus::Captured {
        text += &format!("\nstack backtrace:\n{trace}");
    }
    if json {
        let at = timestamp::rfc3339_utc_micros(clock::now_us());
        let line = serde_json::json!({"timestamp": at, "level": "ERROR", "message": text});
        text = line.to_string();
    }
    printable::lines(&text).into_owned() + "\n"
}

/// Counts lost lines in a metric and reports them in the log.
struct LossMetric;

impl LossReporter for LossMetric {
    fn count(&self, lost: u64) {
        counter!(metric_names::LOG_LINES_LEFT_OUT).absolute(lost);
    }

    fn report(&self, lost: u64) {
        warn!(
            target: LOG_TARGET,
            lines = lost,
            "lines were dropped from the log here: the reader of standard error was too slow, or its disk was full"
        );
    }
}

/// Makes a writer for each line.
struct Lines {
    queue: Queue,
    json: bool,
}

/// Writes one line to the queue.
struct Line<'a> {
    queue: &'a Queue,
    json: bool,
    always: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: &self.queue,
            json: self.json,
            always: false,
        }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        Line {
            queue: &self.queue,
            json: self.json,
            always: of.target() == LOG_TARGET,
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).ok();
        let text = text.map(|text| masked::line(text, self.json));
        // JSON leaves direction marks as they are.
        let marked = text.as_deref().filter(|_| self.json).map(printable::lines);
        let shown = marked.as_deref().or(text.as_deref());
        let bytes_shown = shown.map_or(bytes, str::as_bytes);
        if self.always {
            self.queue.push_always(bytes_shown);
        } else if let Err(lost) = self.queue.push(bytes_shown) {
            LossMetric.count(lost);
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
    use tracing::Level;

    #[test]
    fn rust_log_chooses_the_level_of_all_or_of_one_module() {
        let rows = [
            ("", Level::INFO, Level::INFO),
            ("debug", Level::DEBUG, Level::DEBUG),
            ("WARN", Level::WARN, Level::WARN),
            ("info,switchhook_webhook=trace", Level::TRACE, Level::INFO),
            ("error,switchhook_webhook=info", Level::INFO, Level::ERROR),
        ];
        for (asked, of_webhook, of_others) in rows {
            let levels = levels(asked).unwrap();
            for level in [
                Level::ERROR,
                Level::WARN,
                Level::INFO,
                Level::DEBUG,
                Level::TRACE,
            ] {
                let logged = |target| levels.would_enable(target, &level);
                assert_eq!(
                    logged("switchhook_webhook::client"),
                    level <= of_webhook,
                    "{asked:?} {level}"
                );
                assert_eq!(
                    logged("switchhook_service"),
                    level <= of_others,
                    "{asked:?} {level}"
                );
            }
        }
        assert!(levels("switchhook=loud").is_err());
    }

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
