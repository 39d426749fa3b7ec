//! `switchhook replay`.

use std::path::Path;
use std::process::ExitCode;

use switchhook::config::Config;
use switchhook::recorder::RecordedEvent;
use switchhook::replay::{self, Difference, Recording};

use crate::cli::operator::Replay;

/// Plays recorded calls again and says what is different.
///
/// Exit status 0 when nothing is, 1 when something is or a file cannot be played.
#[must_use]
pub fn replay(path: &Path, args: &Replay) -> ExitCode {
    super::exit(run(path, args))
}

fn run(path: &Path, args: &Replay) -> Result<bool, String> {
    let config = match args.with_config {
        true => Some(Config::load_without_secrets(path).map_err(|faults| faults.to_string())?),
        false => None,
    };
    let mut same = true;
    for file in &args.files {
        match one(file, config.as_ref()) {
            Ok((text, is_same)) => {
                super::say(&text)?;
                same &= is_same;
            }
            Err(error) => {
                eprintln!("switchhook: {error}");
                same = false;
            }
        }
    }
    Ok(same)
}

fn one(file: &Path, config: Option<&Config>) -> Result<(String, bool), String> {
    let recording = Recording::read(file).map_err(|error| error.to_string())?;
    let played = replay::play(&recording, config);
    let played = played.map_err(|error| format!("{}: {error}", file.display()))?;
    let differences = replay::compare(&recording, &played);
    let verdict = match differences.is_empty() {
        true => "the same",
        false => "different",
    };
    let header = &recording.header;
    let mut text = format!(
        "{}  {}  {}  {}: {verdict}\n",
        file.display(),
        printable(&header.uuid),
        printable(&header.webhook),
        ended(&played.end)
    );
    differences
        .iter()
        .for_each(|one| text.push_str(&shown(one)));
    Ok((text, differences.is_empty()))
}

fn ended(end: &RecordedEvent) -> String {
    let RecordedEvent::End { ending, reason, .. } = end else {
        return String::new();
    };
    let reason = reason.as_deref().map(|reason| format!(" {reason}"));
    format!("{ending}{}", reason.unwrap_or_default())
}

/// Two lines below what it is about.
pub fn shown(difference: &Difference) -> String {
    let side = |sign: &str, text: &Option<String>| match text {
        Some(text) => format!("    {sign} {}\n", printable(text)),
        None => String::new(),
    };
    format!(
        "  {}\n{}{}",
        printable(&difference.what),
        side("-", &difference.was),
        side("+", &difference.is)
    )
}

/// What came from a call must not steer a terminal.
pub fn printable(text: &str) -> String {
    let safe = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(safe).collect()
}
