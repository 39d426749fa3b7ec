//! `[webhooks.NAME.response]`: how the answer is read.

use toml_edit::Value;

use super::section::Section;
use super::value::{Read, Wrong, bytes, filled, flag, is, one_of};
use switchhook_webhook::options::{Mapping, ResponseOptions, ResponseType, ValueKind};

/// Bytes of a response that may be asked for: a call on hold keeps them in memory.
const LIMIT: std::ops::RangeInclusive<usize> = 1..=16 * 1024 * 1024;

pub(super) fn options(section: &mut Section<'_>) -> ResponseOptions {
    let default = ResponseOptions::default();
    let types = &[
        ("json", ResponseType::Json),
        ("xml", ResponseType::Xml),
        ("text", ResponseType::Text),
    ];
    let map = section.named("map", Some("path")).into_iter();
    ResponseOptions {
        kind: section.get_or("type", default.kind, one_of(types)),
        map: map.map(|(name, section)| mapping(name, section)).collect(),
        limit: section.get_or("limit", default.limit, bytes(LIMIT)),
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
    let required = section.get("required", flag);
    if required == Some(true) && default.is_some() {
        let wrong = Wrong::new("stands beside a default", "keep required or default");
        section.fault("required", wrong);
    }
    Mapping {
        name,
        path: section.need("path", "add path = \"…\"", filled),
        kind,
        // Not required and without a default: the empty text, which leaves the variable unset.
        default: default.or((required == Some(false)).then(String::new)),
    }
}

/// A default as the text of a variable.
fn plain(value: &Value) -> Read<String> {
    match value {
        Value::String(text) => Ok(text.value().clone()),
        Value::Integer(number) => Ok(number.value().to_string()),
        Value::Float(number) => Ok(number.value().to_string()),
        Value::Boolean(flag) => Ok(flag.value().to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => {
            Err(Wrong::new(is(value), "write a text in quotes"))
        }
    }
}
