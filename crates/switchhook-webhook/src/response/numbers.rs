//! Numbers of JSON responses keep the text that they came with, and are compared exactly or not at
//! all.
//!
//! serde_json (1.0) writes the exponent of `1E5` anew, as `1e+5`. serde_json_path (0.7) compares
//! numbers as `f64`, which holds no more than 15 digits of every number.

use std::iter;

use serde_json::Value;

/// Digits that `f64` holds of every number.
const EXACT_DIGITS: usize = 15;

/// A private-use character before a number that is kept as a text.
const MARK: char = '\u{e000}';

/// The comparisons of a JSONPath that numbers of many digits would make inexact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparisons {
    are_sensitive: bool,
}

impl Comparisons {
    /// Reads the filters of a path.
    pub(super) fn of(path: &str) -> Self {
        let path = without_texts(path);
        let mut operators = path.match_indices(['=', '<', '>']).map(|(at, _)| at);
        let is_sensitive = |at: usize| {
            let left = path[..at].trim_end_matches(['=', '!', '<', '>']);
            let left = left
                .rsplit(['?', '(', '!', '&', '|'])
                .next()
                .unwrap_or(left);
            let right = path[at..].trim_start_matches(['=', '!', '<', '>']);
            (is_query(left) && is_query(right)) || has_many_digits(left) || has_many_digits(right)
        };
        let are_sensitive = path.contains('?') && operators.any(is_sensitive);
        Self { are_sensitive }
    }

    /// Whether the document has a number that such a comparison could take for another one.
    pub(super) fn are_inexact_in(self, document: &Value) -> bool {
        self.are_sensitive && has_large_number(document)
    }
}

/// Returns a path with empty texts in place of its texts in quotes.
fn without_texts(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        out.push(character);
        if matches!(character, '"' | '\'') {
            while let Some(quoted) = characters.next() {
                if quoted == '\\' {
                    characters.next();
                } else if quoted == character {
                    break;
                }
            }
            out.push(character);
        }
    }
    out
}

/// Whether an operand is a query or a function, not a literal.
fn is_query(operand: &str) -> bool {
    let operand = operand.trim_start();
    let word: String = operand
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    operand.starts_with(['@', '$']) || !matches!(&*word, "" | "true" | "false" | "null")
}

fn has_many_digits(operand: &str) -> bool {
    let is_number = |c: &char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
    let number: String = operand.trim_start().chars().take_while(is_number).collect();
    is_large(&number)
}

/// Whether a number has more digits than `f64` holds.
fn is_large(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len() > EXACT_DIGITS
}

fn has_large_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_large(number.as_str()),
        Value::Array(items) => items.iter().any(has_large_number),
        Value::Object(entries) => entries.values().any(has_large_number),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// A document whose numbers with an exponent are marked texts.
pub(super) struct ExactNumbers(Value);

impl ExactNumbers {
    /// Reads a document; `None` if it has no such number.
    pub(super) fn of(json: &str) -> Option<Self> {
        let has_exponent = json
            .as_bytes()
            .windows(2)
            .any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E'));
        // A text with the mark could be taken for a number.
        let has_mark = || json.contains(MARK) || json.to_ascii_lowercase().contains("\\ue000");
        if !has_exponent || has_mark() {
            return None;
        }
        serde_json::from_str(&marked(json)).ok().map(Self)
    }

    /// Returns the text of the value at a JSON pointer, with its numbers as they came.
    pub(super) fn text(&self, pointer: &str) -> Option<String> {
        let text = self.0.pointer(pointer)?.to_string();
        let mark = format!("\"{MARK}");
        let mut parts = text.split(mark.as_str());
        let mut out = parts.next()?.to_owned();
        for part in parts {
            let (number, rest) = part.split_once('"')?;
            out.extend([number, rest]);
        }
        Some(out)
    }
}

/// Writes each number with an exponent as a marked text.
fn marked(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 16);
    let mut rest = json;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        let token = &rest[at..];
        let length = if token.starts_with('"') {
            text_length(token)
        } else {
            let is_number = |c: char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
            token.find(|c| !is_number(c)).unwrap_or(token.len())
        };
        let (token, after) = token.split_at(length);
        if !token.starts_with('"') && token.contains(['e', 'E']) {
            out.extend(iter::once('"').chain(iter::once(MARK)));
            out.push_str(token);
            out.push('"');
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out + rest
}

/// Returns the bytes of the JSON string that a text begins with.
fn text_length(json: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_that_many_digits_make_inexact_are_known() {
        for (path, expected) in [
            ("$.a", false),
            ("$[?@.id == 42]", false),
            ("$[?@.id == 9007199254740993]", true),
            ("$[?9007199254740993 == @.id]", true),
            ("$[?@.id == '9007199254740993']", false),
            ("$[?@['a=b'] == 1]", false),
            ("$[?@.a == $.b]", true),
            ("$[?@.a && @.b > 1]", false),
            ("$[?length(@.a) == 9]", false),
            ("$[?@.a == true]", false),
        ] {
            assert_eq!(Comparisons::of(path).are_sensitive, expected, "{path}");
        }
    }

    /// [`ExactNumbers`] can go when this test fails.
    #[test]
    fn serde_json_still_writes_an_exponent_anew() {
        let read: Value = serde_json::from_str("1E5").unwrap();
        assert_eq!(read.to_string(), "1e+5");
    }

    /// [`Comparisons`] can go when this test fails.
    #[test]
    fn serde_json_path_still_takes_a_large_number_for_its_neighbour() {
        let json = r#"[{"id":9007199254740992}]"#;
        let read: Value = serde_json::from_str(json).unwrap();
        let path = serde_json_path::JsonPath::parse("$[?@.id == 9007199254740993]").unwrap();
        assert_eq!(path.query(&read).len(), 1);
    }

    #[test]
    fn numbers_with_an_exponent_keep_their_text() {
        let json = r#"{"a":[1E5,"1E5","x\"2e3",-1.5e-7],"b":12}"#;
        let exact = ExactNumbers::of(json).unwrap();
        let text = |pointer| exact.text(pointer).unwrap();
        assert_eq!(text("/a/0"), "1E5");
        assert_eq!(text("/a"), r#"[1E5,"1E5","x\"2e3",-1.5e-7]"#);
        assert_eq!(text("/b"), "12");
        assert!(ExactNumbers::of(r#"{"a":1}"#).is_none());
    }
}
