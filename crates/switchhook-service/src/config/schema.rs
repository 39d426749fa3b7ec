//! A JSON Schema of `switchhook.toml` for editors, made from the reference: it has every key with
//! its description. [`super::schema_rules`] adds the words, patterns and ranges of values;
//! [`super::Config::load`] checks the rest, and combinations.

use serde_json::{Value, json};
use toml_edit::{DocumentMut, InlineTable, Item, Value as TomlValue};

use super::REFERENCE;
use super::schema_rules::RULES;

/// Matches the names of sections such as `[flows.outbound]`.
const ANY_NAME: &str = "^[^.]+$";
/// Matches the names of webhooks.
const WEBHOOK_NAME: &str = "^[A-Za-z0-9_-]{1,64}$";
/// Tables whose keys the operator chooses.
const FREE_TABLES: [&str; 6] = ["query", "headers", "form", "params", "map", "hosts"];

/// Returns the schema as a JSON object (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut root = object_schema();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("switchhook.toml");
    let mut path = Vec::new();
    let mut comment = String::new();
    for line in REFERENCE.lines() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        if let Some(words) = line.strip_prefix("# ") {
            comment.push_str(words);
            comment.push(' ');
        } else if setting.is_empty() {
            comment.clear();
        } else if let Some(header) = setting.strip_prefix('[') {
            path = section_path(header);
            set_description(schema_at(&mut root, &path), &comment);
            comment.clear();
        } else {
            add_key(schema_at(&mut root, &path), setting, &comment);
            comment.clear();
        }
    }
    for (path, rule) in RULES {
        rule.add_to(value_at(&mut root, path));
    }
    root
}

/// Returns the schema of the value at the path of a rule.
fn value_at<'s>(root: &'s mut Value, path: &str) -> &'s mut Value {
    path.split('.').fold(root, |known, part| match part {
        "[]" => {
            let items = &mut known["items"];
            if items.is_null() {
                *items = json!({"type": ["string"]});
            }
            items
        }
        "*" => {
            let named = &mut known["patternProperties"];
            let pattern = named
                .as_object()
                .and_then(|named| named.keys().next().cloned());
            match pattern {
                Some(pattern) => &mut named[pattern],
                None => {
                    named["."] = mapping_schema();
                    &mut named["."]
                }
            }
        }
        key => &mut known["properties"][key],
    })
}

/// Returns the schema of an entry of `response.map`.
fn mapping_schema() -> Value {
    json!({
        "type": ["string", "object"],
        "properties": {
            "path": {"type": ["string"]},
            "as": {"type": ["string"]},
            "default": {"type": ["string", "number", "boolean"]},
            "required": {"type": ["boolean"]},
        },
        "required": ["path"],
        "additionalProperties": false,
    })
}

/// A step on the path from the root to a section.
enum PathStep<'t> {
    Key(&'t str),
    /// A section whose name matches this pattern.
    Named(&'static str),
    /// An element of a list.
    Listed,
}

/// Returns the path to the section of a header without its first bracket.
fn section_path(header: &str) -> Vec<PathStep<'_>> {
    let listed = header.starts_with('[');
    let name = header.trim_start_matches('[');
    let name = name.split_once(']').map_or(name, |(name, _)| name);
    let mut steps = match name.split_once('.') {
        Some((kind, _)) => {
            let pattern = if kind == "webhooks" {
                WEBHOOK_NAME
            } else {
                ANY_NAME
            };
            vec![PathStep::Key(kind), PathStep::Named(pattern)]
        }
        None => vec![PathStep::Key(name)],
    };
    if listed {
        steps.push(PathStep::Listed);
    }
    steps
}

/// Returns the schema of a section, and creates it if necessary.
fn schema_at<'s>(root: &'s mut Value, steps: &[PathStep<'_>]) -> &'s mut Value {
    steps.iter().fold(root, |section, step| match step {
        PathStep::Key(key) => child_schema(section, "properties", key),
        PathStep::Named(pattern) => child_schema(section, "patternProperties", pattern),
        PathStep::Listed => {
            if section["items"].is_null() {
                *section = json!({"type": "array", "items": object_schema()});
            }
            &mut section["items"]
        }
    })
}

fn child_schema<'s>(section: &'s mut Value, among: &str, key: &str) -> &'s mut Value {
    let found = &mut section[among][key];
    if found.is_null() {
        *found = object_schema();
    }
    found
}

fn set_description(known: &mut Value, comment: &str) {
    if !comment.is_empty() {
        known["description"] = json!(comment.trim_end());
    }
}

/// Returns the schema of a table that allows named keys only.
fn object_schema() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// Adds a line such as `response.limit = "64 KiB"`. A key may have several lines, each in another
/// form.
fn add_key(section: &mut Value, line: &str, comment: &str) {
    // Tests read the reference as TOML, so each of its lines parses.
    let Ok(document) = line.parse::<DocumentMut>() else {
        return;
    };
    let mut table = document.as_table();
    let mut schema = section;
    loop {
        let Some((key, item)) = table.iter().next() else {
            return;
        };
        match item {
            Item::Table(inner) if inner.is_dotted() => {
                schema = child_schema(schema, "properties", key);
                table = inner;
            }
            Item::Table(_) | Item::Value(_) | Item::ArrayOfTables(_) | Item::None => {
                let known = &mut schema["properties"][key];
                merge_value(known, item, comment);
                if let Some(inline) = item.as_inline_table()
                    && !FREE_TABLES.contains(&key)
                {
                    merge_table(known, inline);
                }
                return;
            }
        }
    }
}

fn merge_value(known: &mut Value, item: &Item, comment: &str) {
    if known.is_null() {
        *known = json!({"type": []});
    }
    set_description(known, comment);
    merge_types(known, item);
    if known["default"].is_null() && is_default(item) {
        known["default"] = json_default(item);
    }
}

/// Adds the keys of an inline table; its values are examples.
fn merge_table(known: &mut Value, table: &InlineTable) {
    known["additionalProperties"] = json!(false);
    for (key, value) in table.iter() {
        let inner = &mut known["properties"][key];
        if inner.is_null() {
            *inner = json!({"type": []});
        }
        merge_types(inner, &Item::Value(value.clone()));
        if let TomlValue::InlineTable(table) = value
            && !FREE_TABLES.contains(&key)
        {
            merge_table(inner, table);
        }
    }
}

fn merge_types(known: &mut Value, item: &Item) {
    for kind in json_types(item) {
        if let Some(types) = known["type"].as_array_mut()
            && !types.iter().any(|one| one == kind)
        {
            types.push(json!(kind));
        }
    }
}

/// Returns the JSON types of a value.
fn json_types(item: &Item) -> &'static [&'static str] {
    match item.as_str() {
        // A size may also be a number of bytes.
        Some(text) if text.ends_with("iB") => &["string", "integer"],
        Some(_) => &["string"],
        None if item.is_bool() => &["boolean"],
        None if item.is_integer() || item.is_float() => &["number"],
        None if item.is_array() => &["array"],
        None => &["object"],
    }
}

/// Whether the line is marked neither as an example nor as required.
fn is_default(item: &Item) -> bool {
    let suffix = item.as_value().and_then(|value| value.decor().suffix());
    let note = suffix.and_then(|suffix| suffix.as_str());
    note.is_none_or(|note| !note.contains('#'))
}

/// Returns a default as JSON. Lists and tables have an empty default.
fn json_default(item: &Item) -> Value {
    if let Some(text) = item.as_str() {
        json!(text)
    } else if let Some(truth) = item.as_bool() {
        json!(truth)
    } else if let Some(number) = item.as_integer() {
        json!(number)
    } else if let Some(number) = item.as_float() {
        json!(number)
    } else if item.is_array() {
        json!([])
    } else {
        json!({})
    }
}
