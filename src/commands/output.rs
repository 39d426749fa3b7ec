//! Standard output and standard error: the only way of the commands to a terminal. Text from outside
//! cannot command it ([`printable`]).

use std::io::{self, IsTerminal as _, Write};

use comfy_table::Table;
use switchhook_core::printable;
use switchhook_service::listing::Layout;

use crate::cli::values::Columns;

/// Writes text of any number of lines to standard output.
///
/// # Errors
/// It cannot be written.
pub(super) fn stdout(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), text)
}

/// Writes text of any number of lines to standard error.
///
/// # Errors
/// It cannot be written.
pub(super) fn stderr(text: &str) -> io::Result<()> {
    write(&mut io::stderr().lock(), text)
}

fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(printable::lines(text).as_bytes())?;
    out.flush()
}

/// Returns the layout of a list on standard output.
pub(super) fn layout(columns: &Columns) -> Layout {
    Layout {
        width: Table::new().width(),
        wide: columns.wide,
        columns: columns.columns.clone(),
    }
}

/// Standard output for text that comes in parts, each of whole characters.
#[derive(Default)]
pub(super) struct Stdout {
    as_it_is: bool,
}

impl Stdout {
    /// Returns the output of a format that programs read: exact, unless it is a terminal.
    pub(super) fn for_programs() -> Self {
        let as_it_is = !io::stdout().is_terminal();
        Self { as_it_is }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.as_it_is {
            io::stdout().write_all(bytes)?;
        } else {
            stdout(&String::from_utf8_lossy(bytes))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
