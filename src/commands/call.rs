//! `switchhook call`: one widget without a call.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use switchhook::call::outcome::Outcome;
use switchhook::call_control::webhook_test::{self, TestOutcome, WebhookTest};
use switchhook::call_control::{Asked, WebhookTasks};
use switchhook::config::Config;
use switchhook::service::compile;

use crate::cli::Call;

/// Asks the webhook as a call would, and shows what goes out and what comes back.
///
/// Exit status 0 on line 0, 1 on line 1 or when nothing could be asked.
#[must_use]
pub fn call(path: &Path, args: &Call) -> ExitCode {
    super::exit(super::block_on(run(path, args)))
}

async fn run(path: &Path, args: &Call) -> Result<bool, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let widgets = compile(&config)
        .map_err(|faults| faults.to_string())?
        .widgets;
    let channel = webhook_test::channel(vars(&args.vars)?);
    let trial = WebhookTest::of(&widgets, &args.webhook, &channel)
        .ok_or_else(|| unknown(&args.webhook, &widgets))?;
    super::say(&match &trial.asked {
        Ok(Asked::Request(request)) => format!("{}\n\n", request.shown().trim_end()),
        // A configuration knows no other.
        Ok(Asked::Question(_)) => return Err("no HTTP webhook is asked by this name".into()),
        Err(_) => "nothing is sent\n\n".to_owned(),
    })?;
    let tried = trial.ask().await;
    super::say(&shown(&tried))?;
    Ok(tried.outcome.verdict.is_ok())
}

fn unknown(name: &str, widgets: &WebhookTasks) -> String {
    let mut known: Vec<_> = widgets.by_name.keys().cloned().collect();
    known.sort_unstable();
    super::unknown_webhook(name, &known)
}

fn vars(vars: &[String]) -> Result<Vec<(&str, &str)>, String> {
    let pair = |var: &String| format!("--var {var:?} is not NAME=VALUE");
    let pairs = vars.iter();
    pairs
        .map(|var| var.split_once('=').ok_or_else(|| pair(var)))
        .collect()
}

fn shown(tried: &TestOutcome) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = response(&tried.outcome, &mut out);
    let _ = table(tried, &mut out);
    out
}

fn response(outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    if let Some(status) = outcome.status {
        writeln!(out, "status   {status}")?;
    }
    let phases = [
        ("headers", outcome.phases.headers),
        ("body", outcome.phases.body),
        ("total", outcome.duration),
    ];
    for (name, duration) in phases {
        if let Some(duration) = duration {
            writeln!(out, "{name:<8} {}", millis(duration))?;
        }
    }
    if !outcome.raw.is_empty() {
        writeln!(
            out,
            "\n{}",
            String::from_utf8_lossy(&outcome.raw).trim_end()
        )?;
    }
    if let Err(failure) = &outcome.verdict {
        writeln!(out, "\n{}: {}", failure.reason, failure.detail)?;
    }
    writeln!(out)
}

/// The variables as the dialplan would see them; the line is among them, last.
fn table(tried: &TestOutcome, out: &mut String) -> std::fmt::Result {
    for (name, value) in &tried.variables {
        writeln!(out, "{name} = {value}")?;
    }
    writeln!(out, "\nline {}", tried.line.as_str())
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
