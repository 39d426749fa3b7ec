//! Patterns that are written in the code.

use regex::Regex;

/// Compiles such a pattern.
#[allow(clippy::expect_used)] // tests of each module that uses one compile it
pub(super) fn constant(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is valid")
}
