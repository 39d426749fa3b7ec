//! What the suite prints at its end: one row for each trial.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use crate::dice;

/// The figures of one trial.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    /// What was broken, in words.
    pub what: &'static str,
    pub faults: usize,
    /// Calls that were played; of the store alone, calls that it was given.
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

/// The rows, by the order of their trials.
#[derive(Debug, Default)]
pub struct Table(Mutex<BTreeMap<usize, (&'static str, Row)>>);

const HEAD: &str = "\
| What is broken | Trial | Faults | Calls | Documents | Lost | Repeated | Stranded callers |
|---|---|--:|--:|--:|--:|--:|--:|
";

/// Columns.
const FAULTS: usize = 2;
const LOST: usize = 5;
const REPEATED: usize = 6;

impl Table {
    pub fn add(&self, place: usize, trial: &'static str, row: Row) {
        self.0.lock().unwrap().insert(place, (trial, row));
    }

    /// Returns the rows that docs/reliability.md lacks, or has with other figures.
    pub fn not_in_the_manual(&self) -> Vec<String> {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");
        let page = std::fs::read_to_string(page).unwrap();
        let known: Vec<Vec<&str>> = page.lines().map(compared).collect();
        let rows = self.0.lock().unwrap();
        let lines = rows.values().map(|(trial, row)| line(trial, row));
        lines
            .filter(|line| !known.contains(&compared(line)))
            .collect()
    }
}

/// Returns the cells that are compared with the manual. How often documents came again differs from
/// run to run. The other counts are those of a full run.
fn compared(line: &str) -> Vec<&str> {
    let is_kept = |at: usize| at != REPEATED && (dice::is_full() || !(FAULTS..LOST).contains(&at));
    let cells = line.trim_matches('|').split('|').enumerate();
    let cells = cells.filter(|(at, _)| is_kept(*at));
    cells.map(|(_, cell)| cell.trim()).collect()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (trial, row) in self.0.lock().unwrap().values() {
            writeln!(f, "{}", line(trial, row))?;
        }
        Ok(())
    }
}

/// A row as Markdown.
fn line(trial: &str, row: &Row) -> String {
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
