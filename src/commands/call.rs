//! `switchhook call`: one widget without a call.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use switchhook::call::details;
use switchhook::call::outcome::Outcome;
use switchhook::call::variables;
use switchhook::config::Config;
use switchhook::service::compile;
use switchhook::takeover::{Widget, Widgets};
use switchhook::webhook;

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
    let widget = widgets
        .by_name
        .get(&args.webhook)
        .ok_or_else(|| unknown(&args.webhook, &widgets))?;
    let channel = channel(&args.vars)?;
    let outcome = ask(&widgets, widget, &channel).await?;
    super::say(&shown(widget, &outcome))?;
    Ok(outcome.verdict.is_ok())
}

fn unknown(name: &str, widgets: &Widgets) -> String {
    let mut known: Vec<_> = widgets.by_name.keys().cloned().collect();
    known.sort_unstable();
    super::unknown_webhook(name, &known)
}

/// The headers of a channel with these variables. `call.*` values are given by their
/// header's name, `Caller-Caller-ID-Number=…`.
fn channel(vars: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut headers = BTreeMap::from([
        ("Unique-ID".to_owned(), uuid::Uuid::new_v4().to_string()),
        ("Call-Direction".to_owned(), "inbound".to_owned()),
        ("Caller-Direction".to_owned(), "inbound".to_owned()),
        ("Answer-State".to_owned(), "answered".to_owned()),
    ]);
    for var in vars {
        let (name, value) = var
            .split_once('=')
            .ok_or_else(|| format!("--var {var:?} is not NAME=VALUE"))?;
        let header = name.starts_with(|c: char| c.is_ascii_uppercase());
        let name = if header {
            name.to_owned()
        } else {
            format!("variable_{name}")
        };
        headers.insert(name, value.to_owned());
    }
    Ok(headers)
}

async fn ask(
    widgets: &Widgets,
    widget: &Widget,
    channel: &BTreeMap<String, String>,
) -> Result<Outcome, String> {
    // A configuration knows no other.
    let Some(webhook) = widget.webhook() else {
        return Err("no HTTP webhook is asked by this name".into());
    };
    let prepared = webhook.prepare(&webhook::Call {
        headers: channel,
        document: None,
        predefined: &|| {
            details::document_so_far(channel, &widget.so_far)
                .to_string()
                .into_bytes()
        },
    });
    match prepared {
        Ok(request) => {
            super::say(&format!("{}\n\n", request.shown().trim_end()))?;
            Ok(widgets.client.ask(webhook, request).await)
        }
        Err(failure) => {
            super::say("nothing is sent\n\n")?;
            Ok(Outcome::unsent(failure))
        }
    }
}

fn shown(widget: &Widget, outcome: &Outcome) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = response(outcome, &mut out);
    let _ = table(widget, outcome, &mut out);
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
fn table(widget: &Widget, outcome: &Outcome, out: &mut String) -> std::fmt::Result {
    let set = widget.plan.assignments(outcome, None).into_iter();
    let set = set.filter_map(|assignment| Some((assignment.name, assignment.value?)));
    for (name, value) in set {
        writeln!(out, "{name} = {value}")?;
    }
    writeln!(out, "\nline {}", variables::line(outcome).as_str())
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
