//! Converts between template values and JSON, and checks JSON bodies whose values are marked.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, Value, ValueKind};

use super::value_marks::{CLOSE, OPEN};

/// Deeper values become `null`; no input of ours is nested that deep.
const DEPTH: usize = 64;

/// Converts a template value to JSON; undefined becomes `null`.
pub(super) fn from_template(value: &Value) -> serde_json::Value {
    convert(value, DEPTH)
}

fn convert(value: &Value, depth: usize) -> serde_json::Value {
    if depth == 0 {
        return serde_json::Value::Null;
    }
    if let Some(text) = value.as_str() {
        return text.into();
    }
    if let Some(number) = exact_number(value) {
        return number;
    }
    let kind = value.kind();
    if kind == ValueKind::Bool {
        value.is_true().into()
    } else if kind == ValueKind::Number {
        number(value)
    } else if kind == ValueKind::Seq || kind == ValueKind::Iterable {
        let items = value.try_iter().into_iter().flatten();
        items.map(|item| convert(&item, depth - 1)).collect()
    } else if kind == ValueKind::Map {
        map(value, depth)
    } else {
        serde_json::Value::Null
    }
}

fn number(value: &Value) -> serde_json::Value {
    // The engine prints all digits of a whole number.
    if value.is_integer() {
        return serde_json::Number::from_string_unchecked(value.to_string()).into();
    }
    f64::try_from(value.clone()).map_or(serde_json::Value::Null, Into::into)
}

fn map(value: &Value, depth: usize) -> serde_json::Value {
    let keys = value.try_iter().into_iter().flatten();
    let entries = keys.filter_map(|key| {
        let item = value.get_item(&key).ok()?;
        Some((key.to_string(), convert(&item, depth - 1)))
    });
    serde_json::Value::Object(entries.collect())
}

/// Returns the value of a text that is a JSON number, `true` or `false`.
pub(super) fn scalar(text: &str) -> Option<Value> {
    match text {
        "true" => Some(Value::from(true)),
        "false" => Some(Value::from(false)),
        _ => {
            let first = text.as_bytes().first()?;
            if !matches!(first, b'-' | b'0'..=b'9') {
                return None;
            }
            let is_number = serde_json::from_str::<serde_json::Number>(text).is_ok();
            is_number.then(|| number_value(text))
        }
    }
}

/// Returns a number that prints as its text. It calculates if the engine prints it so anyway.
fn number_value(text: &str) -> Value {
    let whole = text.parse::<i128>().ok().map(Value::from);
    let value = whole.or_else(|| text.parse::<f64>().ok().map(Value::from));
    let prints_so = |value: &Value| value.to_string() == text;
    let exact = || Value::from_object(ExactNumber(text.to_owned()));
    value.filter(prints_so).unwrap_or_else(exact)
}

/// A number that the engine would print otherwise, such as `1.10` or `1E5`.
#[derive(Debug)]
struct ExactNumber(String);

impl Object for ExactNumber {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.float() != 0.0
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some(self.float().total_cmp(&other.float()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ExactNumber {
    fn float(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}

/// Returns the number behind a value that keeps its text, as the engine calculates with it: a
/// whole number of up to 38 digits exactly, another one as a double.
pub(super) fn plain_number(value: &Value) -> Option<Value> {
    let exact = value.downcast_object_ref::<ExactNumber>()?;
    let whole = exact.0.parse::<i128>().ok().map(Value::from);
    Some(whole.unwrap_or_else(|| Value::from(exact.float())))
}

/// Returns the number behind a value that keeps its text.
fn exact_number(value: &Value) -> Option<serde_json::Value> {
    let exact = value.downcast_object_ref::<ExactNumber>()?;
    let number = serde_json::Number::from_string_unchecked(exact.0.clone());
    Some(serde_json::Value::Number(number))
}

/// Returns whether a value is a number that keeps its text.
pub(super) fn is_exact_number(value: &Value) -> bool {
    value.downcast_object_ref::<ExactNumber>().is_some()
}

/// Converts JSON to a template value.
pub(super) fn to_template(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => number_value(number.as_str()),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => {
            Value::from(items.iter().map(to_template).collect::<Vec<_>>())
        }
        serde_json::Value::Object(entries) => Value::from_pairs(
            entries
                .iter()
                .map(|(key, item)| (key.as_str(), to_template(item))),
        ),
    }
}

/// Escapes `text` for the inside of a JSON string.
pub(super) fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Why a rendered JSON body cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JsonBodyError {
    /// A value outside of quotes is not a number, `true`, `false` or `null`.
    Unquoted,
    /// The body does not parse; where and why.
    Invalid(String),
}

/// Removes the marks from a rendered body and checks that it is JSON.
///
/// Only outside of quotes could a value change the document's structure (`[{{ x }}]` with `1,2`).
/// So only a scalar is allowed there, and an empty value becomes `null`.
pub(super) fn finish(rendered: &str) -> Result<String, JsonBodyError> {
    let body = unmark(rendered)?;
    match parse(&body) {
        Ok(()) => Ok(body),
        Err(error) => Err(JsonBodyError::Invalid(error.to_string())),
    }
}

/// Checks that `text` is JSON.
pub(super) fn parse(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(drop)
}

/// Removes the marks from a rendered body; refuses a value that could change its structure.
pub(super) fn unmark(rendered: &str) -> Result<String, JsonBodyError> {
    let mut scan = Scan::default();
    let mut rest = rendered;
    while let Some(at) = rest.find(OPEN) {
        scan.literal(&rest[..at]);
        let value = &rest[at + OPEN.len_utf8()..];
        let end = value.find(CLOSE).unwrap_or(value.len());
        scan.value(&value[..end])?;
        rest = value.get(end + CLOSE.len_utf8()..).unwrap_or("");
    }
    scan.literal(rest);
    Ok(scan.out)
}

/// Tracks whether the next character is inside a JSON string.
#[derive(Default)]
struct Scan {
    out: String,
    quoted: bool,
    escaped: bool,
}

impl Scan {
    fn literal(&mut self, text: &str) {
        for character in text.chars().filter(|c| *c != CLOSE) {
            self.out.push(character);
            if self.escaped {
                self.escaped = false;
            } else if self.quoted && character == '\\' {
                self.escaped = true;
            } else if character == '"' {
                self.quoted = !self.quoted;
            }
        }
    }

    fn value(&mut self, text: &str) -> Result<(), JsonBodyError> {
        if self.quoted {
            self.out.push_str(text);
            Ok(())
        } else if text.is_empty() {
            self.out.push_str("null");
            Ok(())
        } else if is_scalar(text) {
            self.out.push_str(text);
            Ok(())
        } else {
            Err(JsonBodyError::Unquoted)
        }
    }
}

fn is_scalar(text: &str) -> bool {
    !text.starts_with(['{', '[', '"'])
        && serde_json::from_str::<serde_json::Value>(text).is_ok()
        && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(parts: &[&str]) -> String {
        let mut out = String::new();
        for (index, part) in parts.iter().enumerate() {
            if index % 2 == 1 {
                out.push(OPEN);
                out.push_str(&escape(part));
                out.push(CLOSE);
            } else {
                out.push_str(part);
            }
        }
        out
    }

    #[test]
    fn a_value_outside_of_quotes_may_only_be_a_scalar() {
        let list = |value| finish(&marked(&["[", value, "]"]));
        assert_eq!(list("12"), Ok("[12]".into()));
        assert_eq!(list("true"), Ok("[true]".into()));
        assert_eq!(list(""), Ok("[null]".into()));
        for bad in ["1,2", "{}", "[]", "x", "1 ", "\"a\""] {
            assert_eq!(list(bad), Err(JsonBodyError::Unquoted), "{bad}");
        }
    }

    #[test]
    fn a_value_inside_quotes_is_only_ever_text() {
        let value = "\", \"admin\": \"\\ \u{1}\u{2}\n";
        let body = finish(&marked(&[r#"{"a\"b": ""#, value, r#""}"#])).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(parsed, serde_json::json!({"a\"b": value}));
    }

    #[test]
    fn template_values_and_json_are_the_same_both_ways() {
        let text = r#"{"a":[1,2.5,true,null,"x",1.10],"b":{"c":123456789012345678901234567890}}"#;
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(from_template(&to_template(&json)).to_string(), text);
    }
}
