//! What the suite prints at its end: one row for each trial.

use std::fmt;
use std::sync::Mutex;

/// The figures of one trial.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    /// What was broken, in words.
    pub what: &'static str,
    pub faults: usize,
    /// Calls that were played; of the store alone, calls that it was told of.
    pub calls: usize,
    /// Documents that were due.
    pub documents: usize,
    /// Of these, not delivered, or not there any more.
    pub lost: usize,
    /// Delivered more than once: the same bytes under the same id.
    pub repeated: usize,
    /// Callers left on hold; `None` where nobody was on hold.
    pub stranded: Option<usize>,
}

/// The rows, in the order in which trials ended.
#[derive(Debug, Default)]
pub struct Table(Mutex<Vec<(&'static str, Row)>>);

pub const HEAD: &str = "| What is broken | Trial | Faults | Calls | Documents | Lost | Repeated | Stranded callers |\n\
|---|---|--:|--:|--:|--:|--:|--:|\n";

impl Table {
    pub fn add(&self, trial: &'static str, row: Row) {
        self.0.lock().unwrap().push((trial, row));
    }

    /// The rows, sorted by name.
    pub fn rows(&self) -> Vec<(&'static str, Row)> {
        let mut rows = self.0.lock().unwrap().clone();
        rows.sort_by_key(|(trial, _)| *trial);
        rows
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (trial, row) in self.rows() {
            writeln!(f, "{}", line(trial, &row))?;
        }
        Ok(())
    }
}

/// A row as Markdown.
pub fn line(trial: &str, row: &Row) -> String {
    let stranded = row
        .stranded
        .map_or_else(|| "–".to_owned(), |count| count.to_string());
    let Row {
        what,
        faults,
        calls,
        documents,
        lost,
        repeated,
        ..
    } = row;
    format!(
        "| {what} | `{trial}` | {faults} | {calls} | {documents} | {lost} | {repeated} | {stranded} |"
    )
}
