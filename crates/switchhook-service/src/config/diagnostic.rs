//! Faults and warnings of a configuration, each with its cure.

use std::fmt;

use switchhook_core::printable;

/// One fault or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line in the file, from 1; `None` when the diagnostic is about the whole file.
    pub line: Option<usize>,
    /// The key's full path (`webhooks.lookup.timeout`); empty for the whole file.
    pub key: String,
    /// What is wrong. Holds no secret.
    pub what: String,
    /// How to correct it.
    pub help: String,
}

impl Diagnostic {
    /// Makes a diagnostic about the whole file.
    pub(super) fn of_file(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            line: None,
            key: String::new(),
            what: what.into(),
            help: help.into(),
        }
    }

    /// Returns one line: the file, the line, `label` if any, the key, what is wrong, and the cure.
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
        printable::one_line(&text).into_owned()
    }
}

/// Every fault of one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    origin: String,
    faults: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts `faults` of the file `origin` by line.
    #[must_use]
    pub fn new(origin: impl Into<String>, mut faults: Vec<Diagnostic>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        Self {
            origin: origin.into(),
            faults,
        }
    }

    /// Returns the faults in the order of the file's lines.
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
