//! `switchhook lab --target` and `switchhook lab --load`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;

use switchhook_sim::load::{
    self, Handler, Http, Load, LoadOptions, TableOptions, keep_off_first, run_table,
};
use switchhook_sim::switch::Pace;

use crate::cli::lab::Lab;
use crate::commands::{self, write_stdout};

/// The length of a handler's turn: with three turns each, the table takes less than two minutes.
const TURN: Duration = Duration::from_secs(5);

/// Puts load on one program and prints the result.
///
/// # Errors
/// Fails with what prevents the run, and the cure.
pub async fn target(target: &str, args: &Lab) -> Result<bool, String> {
    let (address, path) = split(target);
    let options = LoadOptions {
        target: address.to_owned(),
        path: path.to_owned(),
        calls: args.calls,
        rate: args.rate,
        pace: if args.faithful {
            Pace::Faithful
        } else {
            Pace::Wire
        },
        webhook: args.webhook,
        delay: *args.delay,
        pid: args.pid.first().copied(),
        expected: args.expect.clone(),
        progress: !args.json,
        ..LoadOptions::default()
    };
    raise_files();
    let load = Load::prepare(options)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(webhook) = load.webhook() {
        eprintln!("the lab's webhook is http://{webhook}/");
    }
    let report = load.run().await;
    if args.json {
        write_stdout(&format!("{}\n", report.json()))?;
    } else {
        write_stdout(&report.table())?;
    }
    Ok(report.passed)
}

/// Measures the service, the null handler and every `--target`.
#[must_use]
pub fn table(args: &Lab) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Called before any other thread exists: later threads inherit it.
    let core = keep_off_first();
    raise_files();
    commands::exit(commands::block_on(measure(args, cores, core)))
}

async fn measure(args: &Lab, cores: usize, core: Option<usize>) -> Result<bool, String> {
    let folder = super::temporary_folder()?;
    let program = std::env::current_exe()
        .map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let others = args.target.iter().enumerate().map(|(at, target)| {
        let (address, path) = split(target);
        Handler::other(address, path, args.pid.get(at).copied())
    });
    let options = TableOptions {
        program,
        folder: folder.path().to_owned(),
        cores,
        core,
        others: others.collect(),
        webhook: args
            .webhook
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        waiting: args.waiting,
        rounds: args.rounds,
        turn: TURN,
        progress: true,
    };
    let table = run_table(&options)
        .await
        .map_err(|error| error.to_string())?;
    if args.json {
        write_stdout(&format!("{}\n", table.json()))?;
    } else {
        write_stdout(&table.table())?;
    }
    Ok(table.passed)
}

/// Runs the null handler until it is killed.
///
/// # Errors
/// Fails if the address cannot be listened on.
pub async fn null(address: SocketAddr, args: &Lab) -> Result<bool, String> {
    let cannot = |error: std::io::Error| format!("cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let listening = listener.local_addr().map_err(cannot)?;
    raise_files();
    eprintln!("null handler on {listening}");
    let webhook = args.webhook.ok_or("--null needs --webhook")?;
    let http = if args.null_client {
        Http::Client
    } else {
        Http::Canned
    };
    load::handle(listener, webhook, http)
        .await
        .map_err(|error| error.to_string())?;
    Ok(true)
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('/').unwrap_or((target, "lookup"))
}

/// Raises the limit of open files: a call needs two sockets. If the limit stays too low, calls fail.
fn raise_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("cannot raise the limit of open files: {error}");
    }
}
