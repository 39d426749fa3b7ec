//! JSON responses: a path finds its first node, in document order.

use std::borrow::Cow;

use serde_json::Value;
use serde_json_path::{JsonPath, ParseError};

use super::numbers::{Comparisons, ExactNumbers};
use super::{CompiledPath, Failure, FoundValue, invalid, surrogates};
use switchhook_core::outcome::Reason;

/// A compiled JSONPath.
#[derive(Debug)]
pub(super) struct Path {
    path: JsonPath,
    comparisons: Comparisons,
}

impl Path {
    pub(super) fn parse(source: &str) -> Result<Self, ParseError> {
        let comparisons = Comparisons::of(source);
        JsonPath::parse(source).map(|path| Self { path, comparisons })
    }
}

/// Returns the value that each path finds in `text`. `null` counts as not found.
pub(super) fn find<'a>(
    text: &str,
    finders: impl Iterator<Item = &'a CompiledPath>,
) -> Result<Vec<Option<FoundValue>>, Failure> {
    let (document, text) = parse(text)?;
    let exact = ExactNumbers::of(&text);
    let found = finders.map(|finder| first(finder, &document, exact.as_ref()));
    found.collect()
}

/// Parses a document; returns also its text as it was parsed. serde_json limits nesting to 128, so
/// recursion over a document cannot overflow the stack.
fn parse(text: &str) -> Result<(Value, Cow<'_, str>), Failure> {
    match serde_json::from_str(text) {
        Ok(document) => Ok((document, Cow::Borrowed(text))),
        Err(error) => {
            let repaired = surrogates::repair(text);
            let document = serde_json::from_str(&repaired)
                .map_err(|_| invalid(format!("the response is not JSON: {error}")))?;
            Ok((document, repaired))
        }
    }
}

fn first(
    finder: &CompiledPath,
    document: &Value,
    exact: Option<&ExactNumbers>,
) -> Result<Option<FoundValue>, Failure> {
    let CompiledPath::Json(Path { path, comparisons }) = finder else {
        return Ok(None);
    };
    if comparisons.are_inexact_in(document) {
        let detail = format!(
            "{path} compares numbers, and the response has one of more than 15 digits, which is too \
             large to compare; compare a text, or another value"
        );
        return Err(Failure::new(Reason::InvalidResponseMap, detail));
    }
    let Some(exact) = exact else {
        return Ok(path.query(document).first().and_then(value));
    };
    let nodes = path.query_located(document);
    let found = nodes.first().and_then(|node| {
        let mut found = value(node.node())?;
        if found.typed {
            let pointer = node.location().to_json_pointer();
            found.text = exact.text(&pointer).unwrap_or(found.text);
        }
        Some(found)
    });
    Ok(found)
}

fn value(node: &Value) -> Option<FoundValue> {
    match node {
        Value::Null => None,
        Value::String(text) => Some(FoundValue {
            text: text.clone(),
            typed: false,
        }),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(FoundValue {
                text: other.to_string(),
                typed: true,
            })
        }
    }
}
