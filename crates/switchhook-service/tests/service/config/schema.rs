//! The schema for editors, compared with the shipped files.

use std::fs;

use regex::Regex;
use serde_json::{Value, json};
use switchhook_service::config::{Config, REFERENCE, schema};
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
    if !fits(value, schema) {
        return found.push(format!("{path} is not a value that fits"));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            validate(item, &schema["items"], &format!("{path}[{at}]"), found);
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let mut named = schema["patternProperties"]
            .as_object()
            .into_iter()
            .flatten();
        let any_name = named.find(|(pattern, _)| matches(pattern, key));
        let any_name = any_name.map(|(_, of)| of);
        match schema["properties"].get(key).or(any_name) {
            Some(of) => validate(inner, of, &format!("{path}.{key}"), found),
            None if schema["additionalProperties"] == false => {
                found.push(format!("{path}.{key} is not a key"));
            }
            None => {}
        }
    }
}

/// Whether an enum, a pattern and a range allow a value.
fn fits(value: &Value, schema: &Value) -> bool {
    let words = schema["enum"].as_array();
    let known = words.is_none_or(|words| words.contains(value));
    let text = value.as_str().zip(schema["pattern"].as_str());
    let written = text.is_none_or(|(text, pattern)| matches(pattern, text));
    let number = value.as_f64();
    let above = number.zip(schema["minimum"].as_f64());
    let below = number.zip(schema["maximum"].as_f64());
    known
        && written
        && above.is_none_or(|(number, least)| number >= least)
        && below.is_none_or(|(number, most)| number <= most)
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).expect(pattern).is_match(text)
}

/// A value of the schema that has an enum, a pattern or a range: its place in a file, and its schema.
#[derive(Clone)]
struct Ruled {
    /// The section's header.
    header: String,
    /// The dotted key below the header; empty inside the header's own path.
    key: String,
    /// Whether it is an element of a list.
    is_element: bool,
    schema: Value,
}

impl Ruled {
    /// Returns a file in which only this value can be wrong, and the value's line.
    fn file(&self, value: &str) -> (String, usize) {
        let value = if self.is_element {
            format!("[{value}]")
        } else {
            value.to_owned()
        };
        let mut text = String::from("[listen]\n");
        if self.header != "[listen]" {
            text.push_str(&self.header);
            text.push('\n');
        }
        // What the value needs beside it.
        text.push_str(match self.key.as_str() {
            "connections" => "calls_on_hold = 1\n",
            "response.map.x.as" => "response.map.x.path = \"$.x\"\n",
            _ => "",
        });
        text.push_str(&format!("{} = {value}\n", self.key));
        let line = text.lines().count();
        (text, line)
    }

    /// Whether the parser finds a fault in this value.
    fn is_refused(&self, value: &str) -> bool {
        let (text, line) = self.file(value);
        match Config::parse(&text, "test.toml") {
            Ok(_) => false,
            Err(faults) => {
                let mut faults = faults.iter();
                faults.any(|fault| fault.line == Some(line) && !fault.what.contains("is missing"))
            }
        }
    }

    /// Returns values outside: of the enum, of the pattern, beside each end of the range, and of
    /// other types.
    fn wrong(&self) -> Vec<Value> {
        let words = [
            "no such word",
            "POSTED",
            "1.4",
            "10",
            "-1s",
            "a\tb",
            "%",
            "=",
            "10 parsecs",
            "1 GB",
            "a:b:c",
            "127.0.0.1",
            "ftp:x",
            "flow",
            "x",
            "/",
            "600",
            "",
        ];
        let number = |key: &str, by: i64| Some(json!(self.schema[key].as_i64()? + by));
        let outside = [number("minimum", -1), number("maximum", 1)];
        let candidates = words.map(|word| json!(word)).into_iter();
        let candidates = candidates.chain(outside.into_iter().flatten());
        candidates
            .filter(|value| !fits(value, &self.schema))
            .collect()
    }

    /// Returns values inside: each word, and each end of the range.
    fn right(&self) -> Vec<Value> {
        let mut right = self.schema["enum"].as_array().cloned().unwrap_or_default();
        right.extend(["minimum", "maximum"].into_iter().filter_map(|key| {
            let bound = &self.schema[key];
            (!bound.is_null()).then(|| bound.clone())
        }));
        right
    }
}

/// Returns every value with a rule.
fn ruled(schema: &Value, path: &[String], found: &mut Vec<Ruled>) {
    let has_rule = ["enum", "pattern", "minimum", "maximum"]
        .iter()
        .any(|keyword| !schema[keyword].is_null());
    if has_rule {
        let is_element = path.last().is_some_and(|last| last == "[]") && path.len() > 2;
        let own: Vec<&str> = path.iter().map(String::as_str).collect();
        let (header, rest) = match own.as_slice() {
            [first, second, rest @ ..] if *second == "[]" => (format!("[[{first}]]"), rest),
            [first, second, rest @ ..] if *second == "x" => (format!("[{first}.x]"), rest),
            [first, rest @ ..] => (format!("[{first}]"), rest),
            [] => (String::new(), &own[..]),
        };
        let key: Vec<&str> = rest.iter().filter(|part| **part != "[]").copied().collect();
        found.push(Ruled {
            header,
            key: key.join("."),
            is_element,
            schema: schema.clone(),
        });
    }
    let below = |step: &str| [path, &[step.to_owned()]].concat();
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        ruled(inner, &below(key), found);
    }
    for inner in schema["patternProperties"]
        .as_object()
        .into_iter()
        .flat_map(|named| named.values())
    {
        ruled(inner, &below("x"), found);
    }
    if !schema["items"].is_null() {
        ruled(&schema["items"], &below("[]"), found);
    }
}

#[test]
fn the_parser_refuses_what_the_schema_marks_and_takes_what_it_allows() {
    let mut all = Vec::new();
    ruled(&schema(), &[], &mut all);
    assert!(all.len() > 60, "{}", all.len());
    let mut differing = Vec::new();
    for one in &all {
        let name = format!("{} {}", one.header, one.key);
        let wrong = one.wrong();
        assert!(!wrong.is_empty(), "{name} has no value outside");
        for value in wrong {
            if !one.is_refused(&value.to_string()) {
                differing.push(format!("{name} = {value} is marked, and taken"));
            }
        }
        for value in one.right() {
            if one.is_refused(&value.to_string()) {
                differing.push(format!("{name} = {value} is allowed, and refused"));
            }
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn every_choice_and_every_number_has_its_rule() {
    // Of a number of the reference, editors say at least the least value.
    fn unruled(schema: &Value, path: &str, found: &mut Vec<String>) {
        let kinds = schema["type"].as_array().into_iter().flatten();
        let is_number = kinds
            .filter(|kind| *kind == "integer" || *kind == "number")
            .count()
            > 0;
        if is_number && schema["minimum"].is_null() && !path.ends_with(".default") {
            found.push(path.to_owned());
        }
        for among in ["properties", "patternProperties"] {
            for (key, inner) in schema[among].as_object().into_iter().flatten() {
                unruled(inner, &format!("{path}.{key}"), found);
            }
        }
        if !schema["items"].is_null() {
            unruled(&schema["items"], path, found);
        }
    }
    let mut found = Vec::new();
    unruled(&schema(), "", &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn it_takes_every_shipped_configuration() {
    let folder = test_support::root().join("freeswitch-conf");
    let packaged = test_support::root().join("packaging/switchhook.toml");
    let packaged = fs::read_to_string(packaged).expect("the packaged file");
    assert_eq!(faults(&packaged), [""; 0]);
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
        "[limits]\ncalls_on_hold = 0",
        "[webhooks.lookup]\nmethod = \"post\"",
        "[webhooks.\"a b\"]\nmethod = \"POST\"",
        "[webhooks.lookup]\nauth.basic = { user = \"switch\" }",
        "[webhooks.lookup]\nresponse.map = { x = { path = \"$.x\", as = \"number\" } }",
        "[freeswitch]\naddress = \"127.0.0.1:8021\"",
    ] {
        assert_eq!(faults(wrong).len(), 1, "{wrong}");
    }
}
