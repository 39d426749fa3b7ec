//! `switchhook lab`.

use std::path::Path;
use std::process::ExitCode;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use switchhook::config::Config;
use switchhook::lab::load::{Load, LoadOptions};
use switchhook::lab::switch::Pace;
use switchhook::lab::{self, LabOptions, Started};
use switchhook::service::Service;

use crate::cli::Lab;

/// Places a call of each kind through the real service, or load on another program.
///
/// Exit status 0 when all of it was right.
#[must_use]
pub fn lab(args: &Lab) -> ExitCode {
    if std::env::var_os("RUST_LOG").is_some() {
        super::start_logging(false);
    }
    super::exit(super::block_on(async {
        match (&args.target, args.receiver) {
            (Some(target), _) => load(target, args).await,
            (None, Some(address)) => super::receiver::answer(address).await,
            (None, None) => scenarios(args).await,
        }
    }))
}

fn pace(args: &Lab) -> Pace {
    if args.faithful {
        Pace::Faithful
    } else {
        Pace::default()
    }
}

async fn scenarios(args: &Lab) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let options = LabOptions {
        only: args.only.clone(),
        pace: pace(args),
        progress: !args.json,
        follow: true,
        config: store_in(folder.path()),
    };
    let report = lab::run(options, start)
        .await
        .map_err(|error| error.to_string())?;
    match args.json {
        true => super::say(&format!("{}\n", report.json()))?,
        false => super::say(&report.table())?,
    }
    Ok(report.passed)
}

/// A store of its own, so that the lab neither finds nor leaves anything.
fn store_in(folder: &Path) -> String {
    format!(
        "[store]\nurl = \"sqlite:{}\"",
        folder.join("lab.db").display()
    )
}

/// The real service, on free ports.
fn start(config: String) -> BoxFuture<'static, Result<Started, String>> {
    async move {
        let config = Config::parse(&config, "the lab's configuration")
            .map_err(|faults| faults.to_string())?;
        let service = Service::start(&config)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Started {
            esl: service.esl.to_string(),
            stop: service.stop().boxed(),
        })
    }
    .boxed()
}

async fn load(target: &str, args: &Lab) -> Result<bool, String> {
    let (address, path) = target.split_once('/').unwrap_or((target, "lookup"));
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
        pid: args.pid,
        progress: !args.json,
        ..LoadOptions::default()
    };
    let load = Load::prepare(options)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(webhook) = load.webhook() {
        eprintln!("the lab's webhook is http://{webhook}/");
    }
    let report = load.run().await;
    match args.json {
        true => super::say(&format!("{}\n", report.json()))?,
        false => super::say(&report.table())?,
    }
    Ok(report.passed)
}
