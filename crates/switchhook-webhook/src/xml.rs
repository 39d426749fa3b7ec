//! Escapes values for XML and checks XML bodies.

use std::fmt::Write as _;

/// Escapes `text` for an XML element or a quoted attribute.
///
/// XML 1.0 cannot carry most control characters in any form; each becomes U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // As references; in an attribute a parser would turn the characters into spaces.
            '\t' | '\n' | '\r' => drop(write!(out, "&#{};", u32::from(character))),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// Checks that `text` is a well-formed document.
///
/// # Errors
/// The parser's message.
pub(super) fn check(text: &str) -> Result<(), String> {
    roxmltree::Document::parse(text)
        .map(drop)
        .map_err(|error| error.to_string())
}
