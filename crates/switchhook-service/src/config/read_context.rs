//! One reading of a document: what was found out, besides the values.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::lines::Lines;
use super::value::Problem;

/// What reading found out, besides the values.
#[derive(Debug, Default)]
pub(super) struct ReadReport {
    pub(super) faults: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    /// Every key that was asked for, `NAME` and `[]` in place of names and indexes.
    pub(super) known_keys: BTreeSet<String>,
    /// Those of them that were in the file.
    pub(super) present_keys: BTreeSet<String>,
}

/// One reading of one document.
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

    /// Remembers what is wrong with the key at `path`.
    pub(super) fn fault(&self, path: &str, problem: Problem) {
        let fault = self.located(path, problem);
        self.report.borrow_mut().faults.push(fault);
    }

    /// Whether something is wrong with the key at `path` already.
    pub(super) fn has_fault(&self, path: &str) -> bool {
        let report = self.report.borrow();
        report.faults.iter().any(|fault| fault.key == path)
    }

    /// Remembers what is worth a look.
    pub(super) fn warn(&self, path: &str, problem: Problem) {
        let fault = self.located(path, problem);
        self.report.borrow_mut().warnings.push(fault);
    }

    /// Remembers that a key was asked for.
    pub(super) fn record_key(&self, shape: String, found: bool) {
        let mut report = self.report.borrow_mut();
        if found {
            report.present_keys.insert(shape.clone());
        }
        report.known_keys.insert(shape);
    }

    /// The line of the key at `path`.
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
