//! A JSON Schema of `switchhook.toml`, for editors: made from the reference, so that it has
//! every key with its description. It knows kinds of values and no more; what a value may
//! be, and what goes with what, is said by [`super::Config::load`].

use serde_json::{Value, json};
use toml_edit::{DocumentMut, Item};

use super::REFERENCE;

/// Sections that hold one section for each name: `[webhooks.lookup]`.
const ANY_NAME: &str = "^[^.]+$";

/// The schema, as a JSON object (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut root = object();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("switchhook.toml");
    let mut place = Vec::new();
    let mut comment = String::new();
    for line in REFERENCE.lines() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        if let Some(words) = line.strip_prefix("# ") {
            comment.push_str(words);
            comment.push(' ');
        } else if setting.is_empty() {
            comment.clear();
        } else if let Some(header) = setting.strip_prefix('[') {
            place = opened(header);
            describe(at(&mut root, &place), &comment);
            comment.clear();
        } else {
            add(at(&mut root, &place), setting, &comment);
            comment.clear();
        }
    }
    root
}

/// A step on the way from the root to a section.
enum Step<'t> {
    Key(&'t str),
    /// One of any name.
    Named,
    /// One of a list.
    Listed,
}

/// The way to the section of a header, whose first bracket was taken off.
fn opened(header: &str) -> Vec<Step<'_>> {
    let listed = header.starts_with('[');
    let name = header.trim_start_matches('[');
    let name = name.split_once(']').map_or(name, |(name, _)| name);
    let mut steps = match name.split_once('.') {
        Some((kind, _)) => vec![Step::Key(kind), Step::Named],
        None => vec![Step::Key(name)],
    };
    if listed {
        steps.push(Step::Listed);
    }
    steps
}

/// The schema of a section, made when it is not there.
fn at<'s>(root: &'s mut Value, steps: &[Step<'_>]) -> &'s mut Value {
    steps.iter().fold(root, |section, step| match step {
        Step::Key(key) => child(section, "properties", key),
        Step::Named => child(section, "patternProperties", ANY_NAME),
        Step::Listed => {
            if section["items"].is_null() {
                *section = json!({"type": "array", "items": object()});
            }
            &mut section["items"]
        }
    })
}

fn child<'s>(section: &'s mut Value, among: &str, key: &str) -> &'s mut Value {
    let found = &mut section[among][key];
    if found.is_null() {
        *found = object();
    }
    found
}

fn describe(known: &mut Value, comment: &str) {
    if !comment.is_empty() {
        known["description"] = json!(comment.trim_end());
    }
}

/// Only what is named is allowed.
fn object() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

/// A line such as `response.limit = "64 KiB"`; one key may have several, each another form.
fn add(section: &mut Value, line: &str, comment: &str) {
    // The reference is read by the tests as TOML: each of its lines parses.
    let Ok(document) = line.parse::<DocumentMut>() else {
        return;
    };
    let mut table = document.as_table();
    let mut place = section;
    loop {
        let Some((key, item)) = table.iter().next() else {
            return;
        };
        match item {
            Item::Table(inner) if inner.is_dotted() => {
                place = child(place, "properties", key);
                table = inner;
            }
            Item::Table(_) | Item::Value(_) | Item::ArrayOfTables(_) | Item::None => {
                return put(&mut place["properties"][key], item, comment);
            }
        }
    }
}

fn put(known: &mut Value, item: &Item, comment: &str) {
    if known.is_null() {
        *known = json!({"type": []});
    }
    describe(known, comment);
    for kind in kinds(item) {
        if let Some(types) = known["type"].as_array_mut()
            && !types.iter().any(|one| one == kind)
        {
            types.push(json!(kind));
        }
    }
    if known["default"].is_null() && is_default(item) {
        known["default"] = plain(item);
    }
}

/// JSON's words for what a value may be.
fn kinds(item: &Item) -> &'static [&'static str] {
    match item.as_str() {
        // A size is a number of bytes, too.
        Some(text) if text.ends_with("iB") => &["string", "integer"],
        Some(_) => &["string"],
        None if item.is_bool() => &["boolean"],
        None if item.is_integer() || item.is_float() => &["number"],
        None if item.is_array() => &["array"],
        None => &["object"],
    }
}

/// A line that is not marked as an example or as required.
fn is_default(item: &Item) -> bool {
    let suffix = item.as_value().and_then(|value| value.decor().suffix());
    let note = suffix.and_then(|suffix| suffix.as_str());
    note.is_none_or(|note| !note.contains('#'))
}

/// A default: a text, a number, a truth, an empty list or an empty table.
fn plain(item: &Item) -> Value {
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
