//! The schema for editors, compared with the shipped files.

use std::fs;

use serde_json::{Value, json};
use switchhook_service::config::{REFERENCE, schema};
use toml_edit::{DocumentMut, Item};

/// Converts a TOML file into the JSON that an editor validates.
fn as_json(text: &str) -> Value {
    let document: DocumentMut = text.parse().expect("TOML");
    item(document.as_item())
}

fn item(of: &Item) -> Value {
    if let Some(table) = of.as_table_like() {
        let pairs = table.iter().map(|(key, one)| (key.to_owned(), item(one)));
        return Value::Object(pairs.collect());
    }
    if let Some(tables) = of.as_array_of_tables() {
        return tables
            .iter()
            .map(|one| item(&Item::Table(one.clone())))
            .collect();
    }
    if let Some(array) = of.as_array() {
        return array
            .iter()
            .map(|one| item(&Item::Value(one.clone())))
            .collect();
    }
    let text = of.as_str().map(|text| json!(text));
    let number = || of.as_integer().map(|number| json!(number));
    let truth = || of.as_bool().map(|truth| json!(truth));
    let share = || of.as_float().map(|share| json!(share));
    let found = text.or_else(number).or_else(share).or_else(truth);
    found.unwrap_or_else(|| panic!("no kind of value of ours: {of:?}"))
}

/// Returns what an editor would mark, for the few JSON Schema keywords that the schema uses.
fn faults(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    validate(&as_json(text), &schema(), "", &mut found);
    found
}

fn validate(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Null => "null",
    };
    let allowed = |one: &Value| one == kind || (one == "integer" && kind == "number");
    let kinds = schema["type"].as_array();
    if !kinds.map_or_else(
        || allowed(&schema["type"]),
        |kinds| kinds.iter().any(allowed),
    ) {
        return found.push(format!("{path} is a {kind}"));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            validate(item, &schema["items"], &format!("{path}[{at}]"), found);
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let named = schema["patternProperties"].as_object();
        let any_name = named.and_then(|named| named.values().next());
        match schema["properties"].get(key).or(any_name) {
            Some(of) => validate(inner, of, &format!("{path}.{key}"), found),
            None if schema["additionalProperties"] == false => {
                found.push(format!("{path}.{key} is not a key"));
            }
            None => {}
        }
    }
}

#[test]
fn it_takes_every_shipped_configuration() {
    let folder = test_support::root().join("freeswitch-conf");
    let mut seen = 0;
    for file in fs::read_dir(folder).expect("the shipped folder") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|end| end == "toml") {
            let text = fs::read_to_string(&path).expect("a text");
            assert_eq!(faults(&text), [""; 0], "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Checks each line by itself, so that the forms of one key do not clash.
#[test]
fn it_takes_every_line_of_the_reference() {
    let (mut header, mut seen) = (String::new(), 0);
    for line in REFERENCE.lines() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        if setting.is_empty() || setting.starts_with([' ', '#']) {
            continue;
        }
        if setting.starts_with('[') {
            header = setting.to_owned();
            continue;
        }
        assert_eq!(
            faults(&format!("{header}\n{setting}\n")),
            [""; 0],
            "{setting}"
        );
        seen += 1;
    }
    assert!(seen > 50);
}

#[test]
fn it_refuses_what_is_not_a_key_and_what_is_of_another_kind() {
    for wrong in [
        "[listen]\nhtp = \"127.0.0.1:8085\"",
        "[listn]",
        "[webhooks.lookup]\ntimout = \"10s\"",
        "[webhooks.lookup]\nresponse.rau = true",
        "[limits]\ncalls_on_hold = \"many\"",
        "[[freeswitch]]\nadress = \"127.0.0.1:8021\"",
        "[freeswitch]\naddress = \"127.0.0.1:8021\"",
    ] {
        assert_eq!(faults(wrong).len(), 1, "{wrong}");
    }
}
