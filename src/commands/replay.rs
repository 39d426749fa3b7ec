//! `switchhook replay`.

use std::path::Path;
use std::process::ExitCode;

use switchhook_service::config::Config;
use switchhook_service::recorder::RecordedEvent;
use switchhook_tools::replay::{self, Difference, Recording};

use crate::cli::operator::Replay;

/// Plays recorded calls again and prints the differences.
///
/// Exits with 0 if there are none, with 1 if there are some or a file cannot be played.
#[must_use]
pub fn replay(path: &Path, args: &Replay) -> ExitCode {
    super::exit(run(path, args))
}

fn run(path: &Path, args: &Replay) -> Result<bool, String> {
    let config = if args.with_config {
        Some(Config::load_without_secrets(path).map_err(|faults| faults.to_string())?)
    } else {
        None
    };
    let mut same = true;
    for file in &args.files {
        match play(file, config.as_ref()) {
            Ok((text, is_same)) => {
                super::write_stdout(&text)?;
                same &= is_same;
            }
            Err(error) => {
                super::write_stderr(&format!("switchhook: {error}\n"));
                same = false;
            }
        }
    }
    Ok(same)
}

fn play(file: &Path, config: Option<&Config>) -> Result<(String, bool), String> {
    let recording = Recording::read(file).map_err(|error| error.to_string())?;
    let played = replay::play(&recording, config);
    let played = played.map_err(|error| format!("{}: {error}", file.display()))?;
    let differences = replay::compare(&recording, &played);
    let verdict = if differences.is_empty() {
        "the same"
    } else {
        "different"
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
        .for_each(|difference| text.push_str(&shown(difference)));
    Ok((text, differences.is_empty()))
}

fn ended(end: &RecordedEvent) -> String {
    let RecordedEvent::End { ending, reason, .. } = end else {
        return String::new();
    };
    let reason = reason.as_deref().map(|reason| format!(" {reason}"));
    format!("{ending}{}", reason.unwrap_or_default())
}

/// Returns a difference: its name, then the old and the new value below it.
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

/// Escapes control characters: text of a call must not control the terminal.
pub fn printable(text: &str) -> String {
    let safe = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(safe).collect()
}
