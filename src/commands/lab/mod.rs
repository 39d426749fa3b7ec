//! `switchhook lab`: scenarios, load, the null handler, or only a webhook.

mod load;
mod receiver;
mod serve;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{ChildStderr, Command};
use tokio::time::timeout;

use switchhook_service::config::Config;
use switchhook_service::listing::{Column, Listing};
use switchhook_service::service::Service;
use switchhook_sim::switch::Pace;
use switchhook_sim::{LAB_COLUMNS, LabOptions, LabReport, Started};

use crate::cli::lab::Lab;

/// The time for `serve` to start.
const STARTS: Duration = Duration::from_secs(20);

/// Places a call of each kind through the real service, or puts load on another program.
///
/// Exits with 0 if everything was right.
#[must_use]
pub fn lab(args: &Lab) -> ExitCode {
    let asked = std::env::var_os("RUST_LOG");
    let log = asked.and_then(|_| super::log::start(false));
    if args.load {
        return load::table(args);
    }
    let done = super::block_on(async {
        if args.list {
            return list(args);
        }
        if args.serve {
            return serve::calls(args).await;
        }
        match (args.target.as_slice(), args.receiver, args.null) {
            ([], Some(address), _) => receiver::answer(address).await,
            ([], None, Some(address)) => load::null(address, args).await,
            ([], None, None) => scenarios(args).await,
            ([target], ..) => load::target(target, args).await,
            (..) => Err("several --target need --load; give one, or add --load".into()),
        }
    });
    super::exit_logged(log, done)
}

fn pace(args: &Lab) -> Pace {
    if args.faithful {
        Pace::Faithful
    } else {
        Pace::default()
    }
}

fn list(args: &Lab) -> Result<bool, String> {
    let options = LabOptions {
        only: args.only.clone(),
        follow: true,
        ..LabOptions::default()
    };
    let names = switchhook_sim::scenario_names(&options).map_err(|error| error.to_string())?;
    let text = if args.json {
        serde_json::json!(names).to_string()
    } else {
        names.join("\n")
    };
    super::write_stdout(&format!("{text}\n")).map(|()| true)
}

async fn scenarios(args: &Lab) -> Result<bool, String> {
    let folder = temporary_folder()?;
    let options = LabOptions {
        only: args.only.clone(),
        pace: pace(args),
        progress: !args.json,
        follow: true,
        config: store_settings(folder.path()),
        ..LabOptions::default()
    };
    let service = RealService {
        folder: folder.path().to_owned(),
    };
    let report = switchhook_sim::run(options, service)
        .await
        .map_err(|error| error.to_string())?;
    if args.json {
        super::write_stdout(&format!("{}\n", report.json()))?;
    } else {
        let layout = super::output::layout(&args.columns);
        let listed = listing(&report).laid_out(&layout);
        let listed = listed.map_err(|error| error.to_string())?;
        super::write_stdout(&listed.text)?;
        super::say_left_out(&listed.left_out);
        super::write_stdout(&report.summary())?;
    }
    Ok(report.passed)
}

/// The rank of each column of the table for a terminal.
const RANKS: [usize; LAB_COLUMNS.len()] = [0, 4, 1, 3, 5, 2];

fn listing(report: &LabReport) -> Listing {
    let columns = LAB_COLUMNS.iter().zip(RANKS).map(|(name, rank)| Column {
        name: (*name).to_owned(),
        rank,
        whole: *name == "verdict",
    });
    let mut listing = Listing::new(columns.collect());
    report.rows().for_each(|row| listing.push(row));
    listing
}

fn temporary_folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| format!("cannot create a temporary folder: {error}"))
}

/// Returns the settings of a store in a temporary folder: the lab finds and leaves nothing.
fn store_settings(folder: &Path) -> String {
    format!(
        "[store]\nurl = \"sqlite:{}\"",
        folder.join("lab.db").display()
    )
}

/// Starts the real service on free ports: in this process, or in one of its own.
struct RealService {
    folder: PathBuf,
}

impl switchhook_sim::Service for RealService {
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>> {
        in_process(config).boxed()
    }

    fn start_process(&self, config: String) -> BoxFuture<'_, Result<Started, String>> {
        as_process(self.folder.join("switchhook.toml"), config).boxed()
    }
}

async fn in_process(config: String) -> Result<Started, String> {
    let config =
        Config::parse(&config, "the lab's configuration").map_err(|faults| faults.to_string())?;
    let service = Service::start(&config)
        .await
        .map_err(|error| error.to_string())?;
    Ok(Started {
        esl: service.esl.to_string(),
        http: service.http.to_string(),
        stop: service.stop().boxed(),
    })
}

/// Runs `switchhook serve` with this program's own file.
async fn as_process(file: PathBuf, config: String) -> Result<Started, String> {
    let cannot = |error: std::io::Error| format!("cannot run `serve` as a process: {error}");
    tokio::fs::write(&file, config).await.map_err(cannot)?;
    let mut process = Command::new(std::env::current_exe().map_err(cannot)?)
        .args(["serve", "--json-logs", "--config"])
        .arg(&file)
        // The line with the address has this level.
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let log = process
        .stderr
        .take()
        .ok_or("`serve` has no standard error")?;
    let (esl, http) = timeout(STARTS, listening(BufReader::new(log).lines()))
        .await
        .map_err(|_| "`serve` did not start within 20 s".to_owned())??;
    let stop = async move {
        // SIGKILL; a process that has ended already is fine.
        let _ = process.kill().await;
    };
    Ok(Started {
        esl,
        http,
        stop: stop.boxed(),
    })
}

/// Reads the log until it has the addresses for calls and of the page, then goes on reading, so that a
/// full pipe never blocks the process.
async fn listening(mut log: Lines<BufReader<ChildStderr>>) -> Result<(String, String), String> {
    let mut last = String::new();
    while let Ok(Some(line)) = log.next_line().await {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "listening" {
            let address = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let addresses = (address("esl"), address("http"));
            tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
            return Ok(addresses);
        }
        last = line;
    }
    Err(format!("`serve` ended: {last}"))
}
