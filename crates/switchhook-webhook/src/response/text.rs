//! Plain text responses: a regular expression's group.

use regex::{Regex, RegexBuilder};

use super::{CompiledPath, FoundValue};

/// Bytes that a compiled expression may use.
const MAX_REGEX_BYTES: usize = 1024 * 1024;

/// Compiles an expression with at most one group.
pub(super) fn compile(pattern: &str) -> Result<Regex, (String, String)> {
    let help = "write an expression with one group, such as ^queue=(\\w+)$";
    let regex = RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_BYTES)
        .build();
    let regex = regex.map_err(|error| {
        // The error draws the expression over several lines; the last line has the reason.
        let words = error.to_string();
        let why = words.lines().last().unwrap_or_default().trim();
        let what = format!("{pattern:?} is not a regular expression: {why}");
        (what, help.to_owned())
    })?;
    // The whole match counts as a group.
    match regex.captures_len() {
        0..=2 => Ok(regex),
        more => {
            let what = format!("{pattern:?} has {} groups", more - 1);
            let help = "keep one group; write the others as (?:…)";
            Err((what, help.to_owned()))
        }
    }
}

/// Returns what each expression finds: its group, or without a group the whole match.
pub(super) fn find<'a>(
    text: &str,
    finders: impl Iterator<Item = &'a CompiledPath>,
) -> Vec<Option<FoundValue>> {
    finders.map(|finder| first(finder, text)).collect()
}

fn first(finder: &CompiledPath, text: &str) -> Option<FoundValue> {
    let CompiledPath::Text(regex) = finder else {
        return None;
    };
    let captures = regex.captures(text)?;
    let group = captures.get(regex.captures_len() - 1)?;
    Some(FoundValue {
        text: group.as_str().to_owned(),
        typed: false,
    })
}
