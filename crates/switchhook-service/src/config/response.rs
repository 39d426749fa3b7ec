//! `[webhooks.NAME.response]`: how the response is read.

use toml_edit::Value;

use super::section::Section;
use super::value::{Parsed, Problem, boolean, byte_size, found_type, non_empty, one_of, optional};
use switchhook_webhook::options::{Mapping, ResponseOptions, ResponseType, ValueKind};

/// Allowed limits of a response body, in bytes: a call on hold keeps the body in memory.
const LIMIT: std::ops::RangeInclusive<usize> = 1..=16 * 1024 * 1024;

pub(super) fn options(section: &mut Section<'_>) -> ResponseOptions {
    let default = ResponseOptions::default();
    let types = &[
        ("json", ResponseType::Json),
        ("xml", ResponseType::Xml),
        ("text", ResponseType::Text),
    ];
    let map = section.named_sections("map", Some("path")).into_iter();
    ResponseOptions {
        kind: section.get_or("type", default.kind, one_of(types)),
        map: map.map(|(name, section)| mapping(name, section)).collect(),
        limit: section.get_or("limit", default.limit, byte_size(LIMIT)),
        fault: section.get("fault", optional(non_empty)).flatten(),
    }
}

fn mapping(name: String, mut section: Section<'_>) -> Mapping {
    let kinds = &[
        ("text", ValueKind::Text),
        ("word", ValueKind::Word),
        ("digits", ValueKind::Digits),
    ];
    let kind = section.get_or("as", ValueKind::Text, one_of(kinds));
    let default = section.get("default", plain);
    let required = section.get("required", boolean);
    if required == Some(true) && default.is_some() {
        let problem = Problem::new("conflicts with the default", "keep required or default");
        section.fault("required", problem);
    }
    Mapping {
        name,
        path: section.require("path", "add path = \"…\"", non_empty),
        kind,
        // Not required and without a default: an empty text, which leaves the variable unset.
        default: default.or((required == Some(false)).then(String::new)),
    }
}

/// Parses a default and returns it as the text of a variable.
fn plain(value: &Value) -> Parsed<String> {
    match value {
        Value::String(text) => Ok(text.value().clone()),
        Value::Integer(number) => Ok(number.value().to_string()),
        Value::Float(number) => Ok(number.value().to_string()),
        Value::Boolean(boolean) => Ok(boolean.value().to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => {
            Err(Problem::new(found_type(value), "write a text in quotes"))
        }
    }
}
