//! Commands that no other constructor has.

use super::block::Block;
use super::encoded::Command;
use super::error::CommandError;

impl Command {
    /// Makes a command of its lines, for what no other constructor has.
    ///
    /// It stays one command: a blank line, a carriage return, NUL and a Content-Length line are
    /// errors. What its words mean is not checked. Never put text from outside into it.
    ///
    /// ```
    /// use eslclient::Command;
    ///
    /// let command = Command::raw("api sofia status")?;
    /// assert_eq!(command.as_bytes(), b"api sofia status\n\n");
    /// assert!(Command::raw("api status\n\nexit").is_err());
    /// # Ok::<(), eslclient::CommandError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the text is empty, is more than one command, announces a body, or is
    /// longer than 64 KiB.
    pub fn raw(lines: &str) -> Result<Self, CommandError> {
        Ok(checked(lines)?.finish_shown()?.with_effect())
    }

    /// Makes a command of its lines and a body. The lines of the body's type and length are
    /// added.
    ///
    /// # Errors
    /// Returns an error for the same lines as [`Command::raw`], and for a body that is longer
    /// than 8 MiB or holds NUL.
    pub fn raw_with_body(lines: &str, body: &str) -> Result<Self, CommandError> {
        Ok(checked(lines)?.finish_with_body(body)?.with_effect())
    }
}

fn checked(lines: &str) -> Result<Block, CommandError> {
    let lines = lines.strip_suffix('\n').unwrap_or(lines);
    let what = "command";
    if lines.trim().is_empty() || lines.starts_with(['\n', ' ']) {
        return Err(CommandError::Empty { what });
    }
    let announces = |line: &str| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("content-length")
    };
    if lines.lines().any(announces) || lines.ends_with('\n') {
        return Err(CommandError::Unusable {
            what,
            problem: "holds an empty line or a Content-Length of its own: remove it",
        });
    }
    Ok(Block::new(lines))
}
