//! A finding: what was checked, its level, one sentence, and the cure.

use serde::Serialize;
use switchhook_core::printable;

/// Most characters of a sentence, because it quotes text from outside.
const TEXT_CHARACTERS: usize = 600;

/// The severity of a finding, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// Good to know, or something that cannot be checked from here.
    Note,
    /// It works now, and fails in a case that is to be expected.
    Warning,
    /// It does not work.
    Fault,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked: `switch 127.0.0.1:8021`, `webhook lookup`, `store`.
    pub subject: String,
    /// The check's name: one or two words, the same in every run.
    pub check: &'static str,
    /// The severity.
    pub level: Level,
    /// One sentence, without secrets and without control characters.
    pub what: String,
    /// What to do about it; `None` if nothing is to be done.
    pub cure: Option<String>,
}

/// Collects the findings about one subject.
#[derive(Debug)]
pub(super) struct Findings {
    subject: String,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn about(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            list: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, check: &'static str, what: impl AsRef<str>) {
        self.add(check, Level::Ok, what.as_ref(), None);
    }

    /// Adds a note that needs no cure.
    pub(super) fn info(&mut self, check: &'static str, what: impl AsRef<str>) {
        self.add(check, Level::Note, what.as_ref(), None);
    }

    pub(super) fn note(&mut self, check: &'static str, what: impl AsRef<str>, cure: &str) {
        self.add(check, Level::Note, what.as_ref(), Some(cure));
    }

    pub(super) fn warn(&mut self, check: &'static str, what: impl AsRef<str>, cure: &str) {
        self.add(check, Level::Warning, what.as_ref(), Some(cure));
    }

    pub(super) fn fault(&mut self, check: &'static str, what: impl AsRef<str>, cure: &str) {
        self.add(check, Level::Fault, what.as_ref(), Some(cure));
    }

    pub(super) fn add(
        &mut self,
        check: &'static str,
        level: Level,
        what: &str,
        cure: Option<&str>,
    ) {
        self.list.push(Finding {
            subject: one_line(&self.subject),
            check,
            level,
            what: one_line(what),
            cure: cure.map(one_line),
        });
    }

    pub(super) fn list(self) -> Vec<Finding> {
        self.list
    }
}

/// Returns the text as one line without control characters, which is safe on a terminal.
fn one_line(text: &str) -> String {
    // A line break between two sentences of an error is a blank.
    let text = &text.replace(['\n', '\r', '\t'], " ");
    let text = &printable::one_line(text);
    let mut out: String = text.chars().take(TEXT_CHARACTERS).collect();
    if text.chars().nth(TEXT_CHARACTERS).is_some() {
        out.push('…');
    }
    out
}

/// All findings, grouped by subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// Whether no finding is a fault.
    pub ok: bool,
    /// The findings, in the order of the configuration.
    pub findings: Vec<Finding>,
}

impl DoctorReport {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        let is_fault = |finding: &Finding| finding.level == Level::Fault;
        Self {
            ok: !findings.iter().any(is_fault),
            findings,
        }
    }

    /// Returns how many findings have this level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let of_level = |finding: &&Finding| finding.level == level;
        self.findings.iter().filter(of_level).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_one_short_line() {
        let mut findings = Findings::about("switch \u{1b}[2J");
        findings.warn("hook", format!("a\nb\u{7}{}", "x".repeat(5_000)), "cure");
        let [finding] = &findings.list()[..] else {
            panic!("one");
        };
        assert_eq!(finding.subject, "switch \\u001b[2J");
        assert!(finding.what.starts_with("a b\\u0007xx") && finding.what.ends_with("x…"));
        assert_eq!(finding.what.chars().count(), TEXT_CHARACTERS + 1);
    }

    #[test]
    fn only_a_fault_is_not_ok() {
        let mut findings = Findings::about("store");
        findings.warn("space", "little", "free some");
        assert!(DoctorReport::new(findings.list()).ok);
        let mut findings = Findings::about("store");
        findings.fault("store", "none", "make it");
        let report = DoctorReport::new(findings.list());
        assert!(!report.ok);
        assert_eq!(report.count(Level::Fault), 1);
    }
}
