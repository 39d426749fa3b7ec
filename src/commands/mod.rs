//! What the commands of the command line do: one module and one function each.

mod call;
mod check;
mod serve;

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

pub use call::call;
pub use check::check;
pub use serve::serve;

/// Logs to standard error; `RUST_LOG` chooses how much, `info` when it is unset.
fn start_logging(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
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
fn block_on(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            eprintln!("switchhook: cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
