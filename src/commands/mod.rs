//! What the commands of the command line do: one module and one function each.

mod backtest;
mod backup;
mod call;
mod check;
mod doctor;
mod forget;
mod lab;
mod load;
mod log;
mod manual;
mod metrics;
mod outbox;
mod receiver;
mod replay;
mod report;
mod serve;
mod store_context;

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

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

/// As [`exit`], behind all that was logged. An error that nobody reads is not waited for.
fn exit_logged(log: Option<log::Log>, done: Result<bool, String>) -> ExitCode {
    match (log, done) {
        (Some(log), Err(message)) => {
            log.say(&format!("switchhook: {message}"));
            ExitCode::FAILURE
        }
        (_, done) => exit(done),
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
