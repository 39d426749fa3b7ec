//! Lists records: as a table with the columns that fit a terminal, one record a block if the terminal
//! is narrow, and with a tab between values for a file or a program.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};

/// A table with fewer columns says too little: blocks have all of them.
const LEAST_COLUMNS: usize = 3;
/// A longer value is wrapped if that lets its column fit.
const WRAPPED: u16 = 24;
/// The border and the blanks around a value.
const AROUND: u16 = 3;

/// How records are laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The width of the terminal; `None` for a file or a program.
    pub width: Option<u16>,
    /// Every column, however long the lines.
    pub wide: bool,
    /// Only these columns, in this order; none for all.
    pub columns: Vec<String>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading, and its name for [`Layout::columns`].
    pub name: String,
    /// Columns with a low rank are chosen first.
    pub rank: usize,
    /// Its values stay in one line, to be copied.
    pub whole: bool,
}

/// A name that no column has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no column is named {name:?}; there are: {}", known.join(", "))]
pub struct UnknownColumn {
    name: String,
    known: Vec<String>,
}

/// Records that are laid out.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed {
    /// The text, with its last line's end.
    pub text: String,
    /// The columns that do not fit.
    pub left_out: Vec<String>,
}

/// Records with the same columns. Control characters of their values are replaced.
pub struct Listing {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Listing {
    /// Makes an empty list.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a record: a value for each column.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        let row = row.into_iter().map(|value| printable(&value));
        self.rows.push(row.collect());
    }

    /// Lays the records out.
    ///
    /// # Errors
    /// If the layout names a column that there is not.
    pub fn laid_out(&self, layout: &Layout) -> Result<Listed, UnknownColumn> {
        let all = chosen(
            &layout.columns,
            self.columns.iter().map(|one| one.name.as_str()),
        )?;
        let (text, left_out) = match layout.width {
            None => (self.lines(&all), Vec::new()),
            Some(_) if layout.wide => (self.table(&all, None), Vec::new()),
            Some(width) => {
                let fitting = self.fitting(&all, width);
                let is_asked = !layout.columns.is_empty();
                let least = if is_asked { all.len() } else { LEAST_COLUMNS };
                if fitting.len() < least.min(all.len()) {
                    (self.blocks(&all), Vec::new())
                } else {
                    let left_out = all.iter().filter(|at| !fitting.contains(at));
                    let left_out = left_out.map(|at| self.name(*at).to_owned());
                    (self.table(&fitting, Some(width)), left_out.collect())
                }
            }
        };
        Ok(Listed { text, left_out })
    }

    /// Returns the columns that fit, in their order; those of low rank are taken first.
    fn fitting(&self, all: &[usize], width: u16) -> Vec<usize> {
        let widths = self.table_of(all).column_max_content_widths();
        let mut by_rank: Vec<(usize, u16)> = all.iter().copied().zip(widths).collect();
        by_rank.sort_by_key(|(at, _)| self.columns.get(*at).map(|column| column.rank));
        let (mut fitting, mut used) = (Vec::new(), 1_u16);
        for (at, natural) in by_rank {
            let is_whole = self.columns.get(at).is_some_and(|column| column.whole);
            let needed = if is_whole {
                natural
            } else {
                natural.min(WRAPPED)
            };
            let with_it = used.saturating_add(needed).saturating_add(AROUND);
            if with_it <= width {
                used = with_it;
                fitting.push(at);
            }
        }
        let in_order = all.iter().copied();
        in_order.filter(|at| fitting.contains(at)).collect()
    }

    fn table_of(&self, columns: &[usize]) -> Table {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_header(columns.iter().map(|at| self.name(*at)));
        for row in &self.rows {
            table.add_row(self.values(row, columns));
        }
        table
    }

    fn table(&self, columns: &[usize], width: Option<u16>) -> String {
        let mut table = self.table_of(columns);
        match width {
            Some(width) => {
                table.set_width(width);
                table.set_content_arrangement(ContentArrangement::Dynamic);
                for (at, column) in columns.iter().zip(table.column_iter_mut()) {
                    if self.columns.get(*at).is_some_and(|column| column.whole) {
                        column.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
                    }
                }
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        format!("{table}\n")
    }

    /// One record a line, and no blanks around the values.
    fn lines(&self, columns: &[usize]) -> String {
        let names = columns.iter().map(|at| self.name(*at));
        let mut text = names.collect::<Vec<_>>().join("\t") + "\n";
        for row in &self.rows {
            let values: Vec<&str> = self.values(row, columns).collect();
            text.push_str(&values.join("\t"));
            text.push('\n');
        }
        text
    }

    fn blocks(&self, columns: &[usize]) -> String {
        let names = columns.iter().map(|at| self.name(*at).chars().count());
        let longest = names.max().unwrap_or(0);
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            for (at, value) in columns.iter().zip(self.values(row, columns)) {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{:longest$}  {value}", self.name(*at));
            }
        }
        text
    }

    fn name(&self, at: usize) -> &str {
        self.columns.get(at).map_or("", |column| &column.name)
    }

    fn values<'a>(
        &self,
        row: &'a [String],
        columns: &'a [usize],
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let value = |at: &usize| row.get(*at).map_or("", String::as_str);
        columns.iter().map(value)
    }
}

/// Returns where the asked columns are, or all of them.
///
/// # Errors
/// If there is none of a name.
pub(crate) fn chosen<'a>(
    asked: &[String],
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<usize>, UnknownColumn> {
    let names: Vec<&str> = names.collect();
    if asked.is_empty() {
        return Ok((0..names.len()).collect());
    }
    let found = |name: &String| {
        let at = names.iter().position(|known| known == name);
        at.ok_or_else(|| UnknownColumn {
            name: name.clone(),
            known: names.iter().map(|&name| name.to_owned()).collect(),
        })
    };
    asked.iter().map(found).collect()
}

/// Replaces control characters: text from HTTP must not control a person's terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let column = |(name, rank, whole): (&str, usize, bool)| Column {
            name: name.to_owned(),
            rank,
            whole,
        };
        let columns = [
            ("id", 0, true),
            ("kind", 4, false),
            ("webhook", 1, false),
            ("why", 2, false),
            ("made", 3, false),
        ];
        let mut listing = Listing::new(columns.map(column).to_vec());
        let why = "no answer within ten seconds, and the connection was closed";
        listing.push(["msg_1", "document", "crm", why, "today"].map(str::to_owned));
        listing.push(["msg_2", "event", "wall\tboard", "", "today"].map(str::to_owned));
        listing
    }

    fn on(width: Option<u16>, wide: bool, columns: &[&str]) -> Listed {
        let layout = Layout {
            width,
            wide,
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
        };
        listing().laid_out(&layout).unwrap()
    }

    #[test]
    fn a_terminal_has_the_columns_that_fit_and_a_narrow_one_has_blocks() {
        for (width, left_out) in [(200, &[][..]), (66, &["kind"]), (50, &["kind", "made"])] {
            let listed = on(Some(width), false, &[]);
            assert_eq!(listed.left_out, left_out, "{width}");
            let longest = listed.text.lines().map(|line| line.chars().count());
            assert!(longest.max() <= Some(width.into()), "{}", listed.text);
            assert!(listed.text.contains("│ msg_1 "), "{}", listed.text);
        }
        let narrow = on(Some(24), false, &[]);
        assert!(narrow.left_out.is_empty());
        let first = "id       msg_1\nkind     document\nwebhook  crm\nwhy      no answer";
        assert!(narrow.text.starts_with(first), "{}", narrow.text);
        assert!(narrow.text.contains("\nmade     today\n\nid       msg_2\n"));
    }

    #[test]
    fn a_program_gets_values_without_padding() {
        let listed = on(None, false, &[]);
        let lines: Vec<&str> = listed.text.lines().collect();
        assert_eq!(lines[0], "id\tkind\twebhook\twhy\tmade");
        // A tab within a value would shift the others.
        assert_eq!(lines[2], "msg_2\tevent\twall\u{fffd}board\t\ttoday");
        assert_eq!(
            on(None, true, &["made", "id"]).text,
            "made\tid\ntoday\tmsg_1\ntoday\tmsg_2\n"
        );
    }

    #[test]
    fn wide_has_every_column_in_one_line_and_columns_are_those_asked_for() {
        let wide = on(Some(40), true, &[]).text;
        assert!(wide.contains("no answer within ten seconds, and the connection was closed"));
        assert!(wide.contains("kind") && wide.contains("made"));
        let two = on(Some(40), false, &["webhook", "id"]).text;
        assert!(two.contains("│ webhook    ┆ id    │"), "{two}");
        let unknown = listing().laid_out(&Layout {
            columns: vec!["wy".into()],
            ..Layout::default()
        });
        assert_eq!(
            unknown.unwrap_err().to_string(),
            "no column is named \"wy\"; there are: id, kind, webhook, why, made"
        );
    }
}
