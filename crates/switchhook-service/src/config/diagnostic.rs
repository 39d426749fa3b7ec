//! What is wrong with a configuration, and what cures it.

use std::fmt;

/// One thing that is wrong, or, among the warnings, worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line of the file, from 1; `None` when it is about the file as a whole.
    pub line: Option<usize>,
    /// The key with its whole path, `webhooks.lookup.timeout`; empty for the file as a whole.
    pub key: String,
    /// What is wrong; never shows a secret.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl Diagnostic {
    /// A fault of the file as a whole.
    pub(super) fn of_file(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            line: None,
            key: String::new(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// The fault as one line, beginning with the file it is in and, if any, a `label`.
    #[must_use]
    pub fn in_file(&self, origin: &str, label: &str) -> String {
        let mut text = match self.line {
            Some(line) => format!("{origin}:{line}: {label}"),
            None => format!("{origin}: {label}"),
        };
        if !self.key.is_empty() {
            text.push_str(&self.key);
            text.push_str(": ");
        }
        text.push_str(&format!("{}; {}", self.what, self.help));
        text
    }
}

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    origin: String,
    faults: Vec<Diagnostic>,
}

impl Diagnostics {
    /// The faults of the file `origin`, put in the order of its lines.
    #[must_use]
    pub fn new(origin: impl Into<String>, mut faults: Vec<Diagnostic>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        Self {
            origin: origin.into(),
            faults,
        }
    }

    /// The faults, in the order of the file's lines.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.faults.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{}", fault.in_file(&self.origin, ""))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
