//! JSON responses: a path finds its first node, in document order.

use serde_json::Value;

use super::{CompiledPath, Failure, FoundValue, invalid};

/// Returns the value that each path finds in `body`. `null` counts as not found.
pub(super) fn find<'a>(
    body: &[u8],
    finders: impl Iterator<Item = &'a CompiledPath>,
) -> Result<Vec<Option<FoundValue>>, Failure> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // serde_json limits nesting to 128, so recursion here cannot overflow the stack.
    let document: Value = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the response is not JSON: {error}")))?;
    Ok(finders.map(|finder| first(finder, &document)).collect())
}

fn first(finder: &CompiledPath, document: &Value) -> Option<FoundValue> {
    let CompiledPath::Json(path) = finder else {
        return None;
    };
    match path.query(document).first()? {
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
