//! What the commands of the command line do: one module and one function each.

mod backtest;
mod backup;
mod call;
mod check;
mod desk;
mod doctor;
mod forget;
mod lab;
mod load;
mod manual;
mod metrics;
mod outbox;
mod receiver;
mod replay;
mod report;
mod serve;

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

pub use backtest::backtest;
pub use backup::{backup, restore};
pub use call::call;
pub use check::check;
pub use doctor::doctor;
pub use forget::forget;
pub use lab::lab;
pub use manual::{completions, man};
pub use metrics::metrics;
pub use outbox::outbox;
pub use replay::replay;
pub use report::report;
pub use serve::serve;

/// Logs to standard error; `RUST_LOG` chooses how much, `info` when it is unset.
fn start_logging(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = if json {
        log.json().flatten_event(true).try_init()
    } else {
        log.try_init()
    };
    if let Err(error) = started {
        eprintln!("switchhook: no logs: {error}");
    }
}

/// Runs a command on all cores.
///
/// # Errors
/// When the system gives no threads, or what the command says went wrong.
fn block_on<T>(command: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let done = runtime.block_on(command);
    // A name server that says nothing keeps a look-up beyond every deadline of ours.
    runtime.shutdown_background();
    done
}

/// Exit status 0 for `true`, 1 for `false`, and for an error after saying it.
fn exit(done: Result<bool, String>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("switchhook: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader who left (`outbox list | head`) wants no more,
/// which is no error.
fn say(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

fn unknown_webhook(name: &str, known: &[String]) -> String {
    let known = known.join(", ");
    format!("no webhook is named {name:?}; the configuration has: {known}")
}
