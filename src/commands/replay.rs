//! `switchhook replay`.

use std::path::Path;
use std::process::ExitCode;

use switchhook_service::config::Config;
use switchhook_service::recorder::RecordedEvent;
use switchhook_tools::replay::{self, Difference, Recording};

use super::differences::{self, DifferentCall, printable};
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
    let mut played = Vec::new();
    let mut all = true;
    for file in &args.files {
        match play(file, config.as_ref()) {
            Ok(call) if call.differences.is_empty() => super::write_stdout(&call.line("the same"))?,
            Ok(call) => played.push(call),
            Err(error) => {
                super::write_stderr(&format!("switchhook: {error}\n"));
                all = false;
            }
        }
    }
    let different: Vec<_> = played.iter().map(PlayedCall::different).collect();
    super::write_stdout(&differences::text(&different, args.verbose))?;
    Ok(all && played.is_empty())
}

/// A recorded call that was played again.
struct PlayedCall {
    name: String,
    differences: Vec<Difference>,
}

impl PlayedCall {
    fn line(&self, verdict: &str) -> String {
        format!("{}: {verdict}\n", self.name)
    }

    fn different(&self) -> DifferentCall<'_> {
        DifferentCall {
            line: format!("{}: different", self.name),
            differences: &self.differences,
        }
    }
}

fn play(file: &Path, config: Option<&Config>) -> Result<PlayedCall, String> {
    let recording = Recording::read(file).map_err(|error| error.to_string())?;
    let played = replay::play(&recording, config);
    let played = played.map_err(|error| format!("{}: {error}", file.display()))?;
    let header = &recording.header;
    Ok(PlayedCall {
        name: format!(
            "{}  {}  {}  {}",
            file.display(),
            printable(&header.uuid),
            printable(&header.webhook),
            ended(&played.end)
        ),
        differences: replay::compare(&recording, &played),
    })
}

fn ended(end: &RecordedEvent) -> String {
    let RecordedEvent::End { ending, reason, .. } = end else {
        return String::new();
    };
    let reason = reason.as_deref().map(|reason| format!(" {reason}"));
    format!("{ending}{}", reason.unwrap_or_default())
}
