//! Faults of a whole file: it cannot be read, or is not TOML.

use std::io::{self, ErrorKind};
use std::path::Path;

use toml_edit::{Document, TomlError};

use super::diagnostic::Diagnostic;
use super::lines::Lines;

/// Lines that may hold the first of two keys; more are not looked at.
const MAX_CANDIDATES: usize = 64;

/// Kinds of the system's errors in our words, each with its cure.
const CAUSES: [(ErrorKind, &str, &str); 4] = [
    (
        ErrorKind::IsADirectory,
        "it is a folder",
        "name a file in it",
    ),
    (
        ErrorKind::InvalidData,
        "it is not UTF-8",
        "save it as UTF-8",
    ),
    (
        ErrorKind::PermissionDenied,
        "this user may not read it",
        "let the user that runs switchhook read it and enter its folder (chown, chmod)",
    ),
    (
        ErrorKind::NotADirectory,
        "a part of its path is a file, not a folder",
        "correct the path",
    ),
];

/// Returns the fault of a configuration that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let (why, help) = cause(path, error);
    let elsewhere = if error.kind() == ErrorKind::NotFound {
        "name another file with --config; `switchhook init` writes one"
    } else {
        "name another file with --config"
    };
    let help = help.unwrap_or(elsewhere);
    Diagnostic::of_file(format!("cannot be read: {why}"), help)
}

/// Returns why a file cannot be read, and the cure if the cause has one of its own.
pub(super) fn cause(path: &Path, error: &io::Error) -> (String, Option<&'static str>) {
    let folder = path.parent();
    if error.kind() == ErrorKind::NotFound && folder.is_some_and(is_missing) {
        return ("its folder does not exist".into(), Some("correct the path"));
    }
    if error.kind() == ErrorKind::NotFound {
        return ("there is no such file".into(), None);
    }
    let known = CAUSES.iter().find(|(kind, ..)| *kind == error.kind());
    known.map_or_else(
        || (error.to_string(), None),
        |(_, why, help)| ((*why).to_owned(), Some(*help)),
    )
}

fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

/// Returns the one syntax fault: the parser stops at the first error.
pub(super) fn syntax(text: &str, error: &TomlError) -> Diagnostic {
    let line = error.span().map(|span| Lines::in_text(text).at(span.start));
    let duplicate = error.span().filter(|_| error.message() == "duplicate key");
    let (what, help) = match duplicate.and_then(|span| text.get(span).zip(line)) {
        Some((key, line)) => duplicate_fault(text, key, line),
        None => (
            format!("this is not TOML: {}", error.message().replace('\n', ", ")),
            "correct this line; the rest was not read",
        ),
    };
    Diagnostic {
        line,
        ..Diagnostic::of_file(what, help)
    }
}

fn duplicate_fault(text: &str, key: &str, line: usize) -> (String, &'static str) {
    let what = match first_of(text, key, line) {
        Some(first) => format!("{key} is here and on line {first}"),
        None => format!("{key} is here for the second time"),
    };
    (what, "keep one of the two; the rest was not read")
}

/// Returns the line without which the key on `line` would be no duplicate.
fn first_of(text: &str, key: &str, line: usize) -> Option<usize> {
    let lines: Vec<&str> = text.split_inclusive('\n').take(line).collect();
    let name = key.trim_matches(['"', '\'']);
    let earlier = lines.iter().enumerate().take(line.saturating_sub(1)).rev();
    let candidates = earlier.filter(|(_, text)| text.contains(name));
    let found = candidates.take(MAX_CANDIDATES).find(|(index, _)| {
        let others = lines.iter().enumerate().filter(|(at, _)| at != index);
        let without: String = others.map(|(_, line)| *line).collect();
        Document::parse(&*without).is_ok()
    });
    found.map(|(index, _)| index + 1)
}
