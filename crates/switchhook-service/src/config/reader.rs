//! One reading of a document: what was found out, besides the values.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::lines::Lines;
use super::value::Wrong;

/// What reading found out, besides the values.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<Diagnostic>,
    pub(super) warnings: Vec<Diagnostic>,
    /// Every key that was asked for, `NAME` and `[]` in place of names and indexes.
    pub(super) asked: BTreeSet<String>,
    /// Those of them that were in the file.
    pub(super) found: BTreeSet<String>,
}

/// One reading of one document.
pub(super) struct Reader<'d> {
    pub(super) surroundings: &'d dyn Environment,
    lines: &'d Lines,
    findings: RefCell<Findings>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(lines: &'d Lines, surroundings: &'d dyn Environment) -> Self {
        Self {
            surroundings,
            lines,
            findings: RefCell::default(),
        }
    }

    /// Remembers what is wrong with the key at `path`.
    pub(super) fn fault(&self, path: &str, wrong: Wrong) {
        let fault = self.located(path, wrong);
        self.findings.borrow_mut().faults.push(fault);
    }

    /// Whether something is wrong with the key at `path` already.
    pub(super) fn is_faulty(&self, path: &str) -> bool {
        let findings = self.findings.borrow();
        findings.faults.iter().any(|fault| fault.key == path)
    }

    /// Remembers what is worth a look.
    pub(super) fn warn(&self, path: &str, wrong: Wrong) {
        let fault = self.located(path, wrong);
        self.findings.borrow_mut().warnings.push(fault);
    }

    /// Remembers that a key was asked for.
    pub(super) fn asked(&self, shape: String, found: bool) {
        let mut findings = self.findings.borrow_mut();
        if found {
            findings.found.insert(shape.clone());
        }
        findings.asked.insert(shape);
    }

    /// The line of the key at `path`.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        self.lines.find(path)
    }

    pub(super) fn finish(self) -> Findings {
        self.findings.into_inner()
    }

    fn located(&self, path: &str, wrong: Wrong) -> Diagnostic {
        Diagnostic {
            line: self.lines.find(path),
            key: path.to_owned(),
            what: wrong.what,
            help: wrong.help,
        }
    }
}
