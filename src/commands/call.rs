//! `switchhook call`: the request of one webhook without a call.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use switchhook_core::headers::VARIABLE;
use switchhook_core::outcome::Outcome;
use switchhook_core::printable::one_line;
use switchhook_core::shell;
use switchhook_core::tenants::{ACCOUNT, FLOW};
use switchhook_core::variables::{EXACT, Line};
use switchhook_service::call_control::webhook_test::{self, TestOutcome, WebhookTest};
use switchhook_service::call_control::{TaskRequest, WebhookTasks};
use switchhook_service::config::Config;
use switchhook_service::service::compile;

use crate::cli::Call;

/// The exit status if the webhook could not be asked.
const NOTHING_ASKED: u8 = 3;
const CALLER: &str = "Caller-Caller-ID-Number";
const DESTINATION: &str = "Caller-Destination-Number";
/// Variables that choose account and flow, and not only fill templates.
const ROUTING: [&str; 2] = [ACCOUNT, FLOW];

/// Sends the webhook's request as a call would, and prints the request and the answer.
///
/// Exits with 0 on line 0, with 1 on line 1, and with 3 if nothing could be asked.
#[must_use]
pub fn call(path: &Path, args: &Call) -> ExitCode {
    match super::block_on(run(path, args)) {
        Ok(Some(line)) => super::exit(Ok(line == Line::Zero)),
        Ok(None) => ExitCode::from(NOTHING_ASKED),
        Err(message) => {
            let _ = super::exit(Err(message));
            ExitCode::from(NOTHING_ASKED)
        }
    }
}

/// Returns the call's line; `None` if the webhook could not be asked.
async fn run(path: &Path, args: &Call) -> Result<Option<Line>, String> {
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let tasks = compile(&config).map_err(|faults| faults.to_string())?;
    let given = given(args)?;
    let channel = webhook_test::channel_headers(given.clone());
    let test = WebhookTest::prepare(&tasks, &args.webhook, &channel)
        .ok_or_else(|| unknown(&args.webhook, &tasks))?;
    super::write_stderr(&unread(&test, &given));
    super::write_stdout(&match &test.request {
        Ok(TaskRequest::Request(request)) => format!("{}\n\n", request.redacted().trim_end()),
        // Only a program that embeds the service has answerers in Rust.
        Ok(TaskRequest::Question(_)) => {
            return Err("this webhook is answered by Rust code, not over HTTP".into());
        }
        Err(_) => "nothing was sent\n\n".to_owned(),
    })?;
    let is_asked = test.request.is_ok();
    let absent = if is_asked {
        String::new()
    } else {
        absent(&test)
    };
    let result = test.run().await;
    super::write_stdout(&(text(&result) + &absent))?;
    Ok(is_asked.then_some(result.line))
}

fn unknown(name: &str, tasks: &WebhookTasks) -> String {
    let mut known: Vec<_> = tasks.by_name.keys().cloned().collect();
    known.sort_unstable();
    super::unknown_webhook(name, &known)
}

/// Returns what the arguments say of the channel.
fn given(args: &Call) -> Result<Vec<(&str, &str)>, String> {
    let numbers = [(CALLER, &args.caller), (DESTINATION, &args.destination)];
    let numbers = numbers.into_iter();
    let numbers = numbers.filter_map(|(name, number)| Some(Ok((name, number.as_deref()?))));
    let pair = |var: &String| format!("--var {var:?} is not NAME=VALUE");
    let pairs = args.vars.iter();
    let pairs = pairs.map(|var| var.split_once('=').ok_or_else(|| pair(var)));
    numbers.chain(pairs).collect()
}

/// Returns the option that gives a value to a header.
fn option(header: &str) -> String {
    match header {
        CALLER => "--caller NUMBER".to_owned(),
        DESTINATION => "--destination NUMBER".to_owned(),
        header => {
            let name = header.strip_prefix(VARIABLE).unwrap_or(header);
            shell::command(["--var", &format!("{name}=VALUE")])
        }
    }
}

/// Returns a warning for each value that no template reads.
fn unread(test: &WebhookTest<'_>, given: &[(&str, &str)]) -> String {
    let is_read = |name: &str| {
        let header = webhook_test::header_of(name);
        test.read.contains(&header) || ROUTING.contains(&name)
    };
    let names = given.iter().map(|(name, _)| *name);
    let unread = names.filter(|name| test.request.is_ok() && !is_read(name));
    unread.fold(String::new(), |mut text, name| {
        let _ = writeln!(
            text,
            "warning: no template of the webhook reads {}",
            one_line(name)
        );
        text
    })
}

/// Returns how to give the values that templates name and that are not there.
fn absent(test: &WebhookTest<'_>) -> String {
    // The exact value beside a key is written by the service alone.
    let by_hand = test.absent.iter().filter(|name| !name.ends_with(EXACT));
    let options: Vec<String> = by_hand.map(|name| option(name)).collect();
    if options.is_empty() {
        return String::new();
    }
    format!("\nnot given: {}\n", one_line(&options.join(" ")))
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
