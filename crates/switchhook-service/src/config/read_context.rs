//! Collects faults, warnings and key names while a document is read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::lines::Lines;
use super::value::Problem;

/// What was collected, besides the settings.
#[derive(Debug, Default)]
pub(super) struct ReadReport {
    pub(super) faults: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    /// Every key that the code read, with `NAME` and `[]` in place of names and indexes.
    pub(super) known_keys: BTreeSet<String>,
    /// The known keys that were in the file.
    pub(super) present_keys: BTreeSet<String>,
}

/// The context of reading one document.
pub(super) struct ReadContext<'d> {
    pub(super) environment: &'d dyn Environment,
    lines: &'d Lines,
    report: RefCell<ReadReport>,
}

impl<'d> ReadContext<'d> {
    pub(super) fn new(lines: &'d Lines, environment: &'d dyn Environment) -> Self {
        Self {
            environment,
            lines,
            report: RefCell::default(),
        }
    }

    /// Adds a fault at `path`.
    pub(super) fn fault(&self, path: &str, problem: Problem) {
        let fault = self.located(path, problem);
        self.report.borrow_mut().faults.push(fault);
    }

    /// Whether there is a fault at `path` already.
    pub(super) fn has_fault(&self, path: &str) -> bool {
        let report = self.report.borrow();
        report.faults.iter().any(|fault| fault.key == path)
    }

    /// Adds a warning at `path`.
    pub(super) fn warn(&self, path: &str, problem: Problem) {
        let fault = self.located(path, problem);
        self.report.borrow_mut().warnings.push(fault);
    }

    /// Records that the code read a key. `shape` is its path with `NAME` and `[]`.
    pub(super) fn record_key(&self, shape: String, found: bool) {
        let mut report = self.report.borrow_mut();
        if found {
            report.present_keys.insert(shape.clone());
        }
        report.known_keys.insert(shape);
    }

    /// Returns the line of the key at `path`.
    pub(super) fn line_of(&self, path: &str) -> Option<usize> {
        self.lines.find(path)
    }

    pub(super) fn into_report(self) -> ReadReport {
        self.report.into_inner()
    }

    fn located(&self, path: &str, problem: Problem) -> Diagnostic {
        Diagnostic {
            line: self.lines.find(path),
            key: path.to_owned(),
            what: problem.what,
            help: problem.help,
        }
    }
}
