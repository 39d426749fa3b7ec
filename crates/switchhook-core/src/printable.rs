//! Text from outside on its way to a terminal or the log.
//!
//! A line break could forge a line, an escape sequence could command the terminal, and a direction
//! mark could show another order of the characters. They are written as `\\uXXXX`, which a JSON
//! text reads as the same character.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Returns one line: every character that would break it or act on a terminal is written out.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, acts)
}

/// Returns text of several lines, in which line breaks and tabs stay.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| acts(c) && !matches!(c, '\n' | '\t'))
}

/// Writes what is formatted into it as one line.
pub struct OneLine<W>(pub W);

impl<W: Write> Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&one_line(text))
    }
}

/// Returns whether a character must not reach a terminal or the log as it is.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Returns whether no character needs a closer look, as in most texts. Without an early exit, so
/// that the compiler compares many bytes at once.
fn is_printable_ascii(text: &str) -> bool {
    let is_other = |byte: u8| !(b' '..=b'~').contains(&byte);
    !text.bytes().fold(false, |any, byte| any | is_other(byte))
}

fn escaped(text: &str, escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    if is_printable_ascii(text) {
        return Cow::Borrowed(text);
    }
    let Some(first) = text.find(&escape) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if escape(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out_and_everything_else_stays() {
        for (text, shown) in [
            ("Ann of +49 (30)", "Ann of +49 (30)"),
            ("Zoë Øst 王 🙂", "Zoë Øst 王 🙂"),
            ("a\nb\tc", "a\\u000ab\\u0009c"),
            ("\u{1b}[2J\r\u{9b}", "\\u001b[2J\\u000d\\u009b"),
            ("a\u{202e}b\u{2066}c\u{200f}", "a\\u202eb\\u2066c\\u200f"),
            ("\u{2028}\u{feff}", "\\u2028\\ufeff"),
        ] {
            assert_eq!(one_line(text), shown);
            let mut out = String::new();
            write!(OneLine(&mut out), "{text}").unwrap();
            assert_eq!(out, shown);
        }
        assert_eq!(lines("a\n\tb\u{1b}"), "a\n\tb\\u001b");
    }

    #[test]
    fn a_json_text_stays_the_same_value() {
        let value = "a\u{202e}b\u{7f}";
        let json = serde_json::Value::from(value).to_string();
        let shown = lines(&json).into_owned();
        assert!(!shown.contains('\u{202e}'));
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
    }
}
