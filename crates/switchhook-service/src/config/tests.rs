//! Compares the reference with the code: every key that is read is listed, and every key that is
//! listed is read.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::environment::Environment;
use super::{Config, REFERENCE, ReadReport, SourceFile, read};

/// Every variable is set and every file exists, each with a valid signing key.
struct Everything;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl Environment for Everything {
    fn variable(&self, _name: &str) -> Option<String> {
        Some(KEY.into())
    }

    fn file(&self, _path: &Path) -> io::Result<String> {
        Ok(format!("{KEY}\n"))
    }
}

/// A line of the reference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'t> {
    Header(&'t str),
    Default(&'t str),
    Required(&'t str),
    Example(&'t str),
}

impl<'t> Line<'t> {
    /// Parses a line of the reference; returns `None` for prose.
    fn of(line: &'t str) -> Option<Self> {
        let setting = line.strip_prefix('#').unwrap_or(line);
        if setting.is_empty() || setting.starts_with([' ', '#']) {
            return None;
        }
        Some(if setting.starts_with('[') {
            Self::Header(setting)
        } else if setting.ends_with("# required") {
            Self::Required(setting)
        } else if setting.ends_with("# example") {
            Self::Example(setting)
        } else {
            Self::Default(setting)
        })
    }

    fn text(self) -> &'t str {
        match self {
            Self::Header(text)
            | Self::Default(text)
            | Self::Required(text)
            | Self::Example(text) => text,
        }
    }

    /// Returns the key without the suffix for the source of a secret.
    fn base(self) -> &'t str {
        let key = self.text().split(" =").next().unwrap_or_default();
        let key = key.strip_suffix("_env").unwrap_or(key);
        key.strip_suffix("_file").unwrap_or(key)
    }
}

fn lines() -> Vec<Line<'static>> {
    REFERENCE.lines().filter_map(Line::of).collect()
}

/// Reads the lines of the reference that `wanted` accepts; they must have no fault.
fn read_lines(wanted: impl Fn(&Line<'static>) -> bool) -> (Config, ReadReport) {
    let lines = lines().into_iter().filter(wanted).map(Line::text);
    let text = lines.collect::<Vec<_>>().join("\n");
    let (mut config, report) = read(&text, "reference.toml", &Everything);
    assert!(report.faults.is_empty(), "{:?}\n{text}", report.faults);
    config.source = SourceFile::default();
    config.warnings = Vec::new();
    (config, report)
}

/// Whether `example` is another form of the required key.
fn stands_in(example: Line<'static>, required: Line<'static>) -> bool {
    matches!(required, Line::Required(_))
        && required.base() == example.base()
        && section_of(required) == section_of(example)
}

/// Returns the header above this line.
fn section_of(wanted: Line<'static>) -> Option<Line<'static>> {
    let above = lines().into_iter().take_while(|line| *line != wanted);
    let headers = above.filter(|line| matches!(line, Line::Header(_)));
    headers.last()
}

fn is_skeleton(line: &Line<'_>) -> bool {
    matches!(line, Line::Header(_) | Line::Required(_))
}

/// Reads an example among headers and required keys. The example replaces the required key of which
/// it is another form.
fn read_example(example: Line<'static>) -> (Config, ReadReport) {
    let stands_in = |line: &Line<'static>| stands_in(example, *line);
    read_lines(|line| *line == example || is_skeleton(line) && !stands_in(line))
}

fn examples() -> impl Iterator<Item = Line<'static>> {
    let is_example = |line: &Line<'_>| matches!(line, Line::Example(_));
    lines().into_iter().filter(is_example)
}

#[test]
fn the_reference_as_printed_is_the_empty_configuration() {
    let empty = Config::parse("[listen]", "switchhook.toml");
    let printed = Config::parse(REFERENCE, "switchhook.toml");
    let settings = |config: Result<Config, _>| {
        config.map(|config| Config {
            source: SourceFile::default(),
            ..config
        })
    };
    assert!(printed.is_ok());
    assert_eq!(settings(printed), settings(empty));
}

#[test]
fn every_default_of_the_reference_is_that_of_the_code() {
    let (skeleton, _) = read_lines(is_skeleton);
    let (defaults, _) = read_lines(|line| is_skeleton(line) || matches!(line, Line::Default(_)));
    assert_eq!(skeleton, defaults);
}

#[test]
fn every_example_of_the_reference_is_without_a_fault_and_changes_something() {
    let (skeleton, _) = read_lines(is_skeleton);
    assert!(examples().count() > 20);
    for example in examples() {
        let (config, _) = read_example(example);
        let same = config == skeleton;
        // Every secret here has the same value, whatever its source.
        let is_required = lines().into_iter().any(|line| stands_in(example, line));
        let from_file = example.text().starts_with("password_file");
        assert_eq!(same, from_file && is_required, "{}", example.text());
    }
}

#[test]
fn every_key_that_is_read_is_in_the_reference() {
    let mut known = BTreeSet::new();
    let mut present = BTreeSet::new();
    let (_, all) = read_lines(|line| is_skeleton(line) || matches!(line, Line::Default(_)));
    let readings = examples().map(|example| read_example(example).1);
    for report in readings.chain([all]) {
        known.extend(report.known_keys);
        present.extend(report.present_keys);
    }
    assert!(known.contains("webhooks.NAME.response.map.NAME.as"));
    let missing: Vec<_> = known.difference(&present).collect();
    assert!(missing.is_empty(), "not in the reference: {missing:?}");
}
