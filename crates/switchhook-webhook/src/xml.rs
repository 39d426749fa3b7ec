//! XML text from values.

use std::fmt::Write as _;

/// `text` for an XML element or a quoted attribute.
///
/// XML 1.0 cannot carry most control characters in any spelling; U+FFFD stands in
/// their place.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // As references: raw, a parser would make spaces of them in an attribute.
            '\t' | '\n' | '\r' => drop(write!(out, "&#{};", u32::from(character))),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Whether `text` is a well-formed document; the parser's words when not.
pub(super) fn check(text: &str) -> Result<(), String> {
    roxmltree::Document::parse(text)
        .map(drop)
        .map_err(|error| error.to_string())
}
