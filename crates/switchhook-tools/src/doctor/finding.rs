//! What was found, how bad it is, and the cure.

use serde::Serialize;

/// Characters of a sentence: what it quotes comes from outside.
const LONGEST: usize = 600;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing, or not to be known from here.
    Note,
    /// Works, and will not in a case that comes.
    Warning,
    /// Does not work.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: `switch 127.0.0.1:8021`, `webhook lookup`, `store`.
    pub subject: String,
    /// What was looked at, one or two words, the same in every run.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// One sentence, without secrets and without control characters.
    pub what: String,
    /// What to do about it; `None` where nothing is to be done.
    pub cure: Option<String>,
}

/// The findings about one subject, as they come.
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

    /// Something to know that needs no cure.
    pub(super) fn know(&mut self, check: &'static str, what: impl AsRef<str>) {
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
            subject: plain(&self.subject),
            check,
            level,
            what: plain(what),
            cure: cure.map(plain),
        });
    }

    pub(super) fn list(self) -> Vec<Finding> {
        self.list
    }
}

/// One line that is safe on a terminal.
fn plain(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// Everything that was found, grouped by subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// Nothing is a fault.
    pub ok: bool,
    /// In the order of the configuration.
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

    /// How many findings are of this level.
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
        assert_eq!(finding.subject, "switch  [2J");
        assert!(finding.what.starts_with("a b xx") && finding.what.ends_with("x…"));
        assert_eq!(finding.what.chars().count(), LONGEST + 1);
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
