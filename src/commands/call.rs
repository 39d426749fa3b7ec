//! `switchhook call`: the request of one webhook without a call.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use switchhook_core::outcome::Outcome;
use switchhook_core::printable::one_line;
use switchhook_service::call_control::webhook_test::{self, TestOutcome, WebhookTest};
use switchhook_service::call_control::{TaskRequest, WebhookTasks};
use switchhook_service::config::Config;
use switchhook_service::service::compile;

use crate::cli::Call;

/// Sends the webhook's request as a call would, and prints the request and the answer.
///
/// Exits with 0 on line 0, with 1 on line 1 or if nothing could be sent.
#[must_use]
pub fn call(path: &Path, args: &Call) -> ExitCode {
    super::exit(super::block_on(run(path, args)))
}

async fn run(path: &Path, args: &Call) -> Result<bool, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let tasks = compile(&config).map_err(|faults| faults.to_string())?;
    let channel = webhook_test::channel_headers(vars(&args.vars)?);
    let test = WebhookTest::prepare(&tasks, &args.webhook, &channel)
        .ok_or_else(|| unknown(&args.webhook, &tasks))?;
    super::write_stdout(&match &test.request {
        Ok(TaskRequest::Request(request)) => format!("{}\n\n", request.redacted().trim_end()),
        // Only a program that embeds the service has answerers in Rust.
        Ok(TaskRequest::Question(_)) => {
            return Err("this webhook is answered by Rust code, not over HTTP".into());
        }
        Err(_) => "nothing was sent\n\n".to_owned(),
    })?;
    let result = test.run().await;
    super::write_stdout(&text(&result))?;
    Ok(result.outcome.verdict.is_ok())
}

fn unknown(name: &str, tasks: &WebhookTasks) -> String {
    let mut known: Vec<_> = tasks.by_name.keys().cloned().collect();
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

fn text(result: &TestOutcome) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = response(&result.outcome, &mut out);
    let _ = table(result, &mut out);
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
    for (number, one) in outcome.tries.iter().enumerate() {
        writeln!(out, "try {:<4} {one}", number + 1)?;
    }
    if !outcome.raw.is_empty() {
        writeln!(
            out,
            "\n{}",
            String::from_utf8_lossy(&outcome.raw).trim_end()
        )?;
    }
    if let Err(failure) = &outcome.verdict {
        writeln!(out, "\n{}: {}", failure.reason, one_line(&failure.detail))?;
    }
    writeln!(out)
}

/// Writes the variables as the dialplan would see them, then the line.
fn table(result: &TestOutcome, out: &mut String) -> std::fmt::Result {
    for (name, value) in &result.variables {
        writeln!(out, "{name} = {}", one_line(value))?;
    }
    writeln!(out, "\nline {}", result.line.as_str())
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
