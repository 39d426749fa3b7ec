//! The commands: one module and one function each, from the arguments to the exit status.

mod backtest;
mod backup;
mod call;
mod check;
mod credentials;
mod differences;
mod doctor;
mod events;
mod forget;
mod init;
#[cfg(feature = "lab")]
mod lab;
mod log;
mod manual;
mod metrics;
mod outbox;
mod output;
mod replay;
mod report;
mod serve;
mod store_context;

use std::io::ErrorKind;
use std::process::ExitCode;

pub use backtest::backtest;
pub use backup::{backup, restore};
pub use call::call;
pub use check::check;
pub use credentials::{password, token};
pub use doctor::doctor;
pub use events::events;
pub use forget::forget;
pub use init::init;
#[cfg(feature = "lab")]
pub use lab::lab;
pub use manual::{completions, man};
pub use metrics::metrics;
pub use outbox::outbox;
pub use replay::replay;
pub use report::report;
pub use serve::serve;

/// Runs a command on a runtime with a thread for each core.
///
/// # Errors
/// Fails if the system starts no threads, or with the command's own error.
fn block_on<T>(command: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start the worker threads: {error}"))?;
    let done = runtime.block_on(command);
    // A name server that does not answer blocks a thread for longer than every deadline here.
    runtime.shutdown_background();
    done
}

/// Returns exit status 0 for `true`, 1 for `false`, and 1 for an error, which it prints.
fn exit(done: Result<bool, String>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            write_stderr(&format!("switchhook: {message}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Returns as [`exit`] does; writes the error after all log lines, and waits for no slow reader.
fn exit_logged(log: Option<log::Log>, done: Result<bool, String>) -> ExitCode {
    match (log, done) {
        (Some(log), Err(message)) => {
            log.write(&format!("switchhook: {message}"));
            ExitCode::FAILURE
        }
        (_, done) => exit(done),
    }
}

/// Writes to standard output. A closed pipe (`outbox list | head`) is no error.
fn write_stdout(text: &str) -> Result<(), String> {
    match output::stdout(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes to standard error. Nobody can be told if that fails.
fn write_stderr(text: &str) {
    drop(output::stderr(text));
}

/// Says which columns a terminal has no room for.
fn say_left_out(columns: &[String]) {
    if !columns.is_empty() {
        let columns = columns.join(", ");
        write_stderr(&format!(
            "no room for: {columns}; --wide shows every column, --columns those you name\n"
        ));
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
