//! Plain text answers: a regular expression's group.

use regex::{Regex, RegexBuilder};

use super::{Finder, Found};

/// Bytes that a compiled expression may take.
const LARGEST: usize = 1024 * 1024;

/// Compiles an expression with at most one group.
pub(super) fn compile(pattern: &str) -> Result<Regex, (String, String)> {
    let help = "write an expression with one group, such as ^queue=(\\w+)$";
    let regex = RegexBuilder::new(pattern).size_limit(LARGEST).build();
    let regex = regex.map_err(|error| {
        // The error draws the expression over several lines; its last line says why.
        let words = error.to_string();
        let why = words.lines().last().unwrap_or_default().trim();
        let what = format!("{pattern:?} is not a regular expression: {why}");
        (what, help.to_owned())
    })?;
    // The whole match counts as one.
    match regex.captures_len() {
        0..=2 => Ok(regex),
        more => {
            let what = format!("{pattern:?} has {} groups", more - 1);
            let help = "keep one group; write the others as (?:…)";
            Err((what, help.to_owned()))
        }
    }
}

/// What each expression finds: its group, or without a group the whole match.
pub(super) fn find<'a>(
    text: &str,
    finders: impl Iterator<Item = &'a Finder>,
) -> Vec<Option<Found>> {
    finders.map(|finder| first(finder, text)).collect()
}

fn first(finder: &Finder, text: &str) -> Option<Found> {
    let Finder::Text(regex) = finder else {
        return None;
    };
    let captures = regex.captures(text)?;
    let group = captures.get(regex.captures_len() - 1)?;
    Some(Found {
        text: group.as_str().to_owned(),
        typed: false,
    })
}
