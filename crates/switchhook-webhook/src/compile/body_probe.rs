//! Finds bodies that no call could make valid, by rendering them with values of several kinds.
//!
//! A body is refused only if it is wrong with every kind of value. Text that depends on a
//! condition is not judged, and neither is a template that does not render with such values.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::context::{ProbeValue, Scope};
use crate::json::{self, JsonBodyError};
use crate::pattern;
use crate::template::{TemplatePlace, Templates};
use crate::xml;

/// Each kind of value that can decide whether a body is valid. The first one is reported.
const KINDS: [ProbeValue; 4] = [
    ProbeValue::Text("1"),
    ProbeValue::Text("a"),
    ProbeValue::Number(1),
    ProbeValue::Missing,
];

/// Characters that are shown on each side of an error.
const SHOWN: usize = 20;

/// Matches the start of a statement, or of an expression that chooses.
static CONDITION: LazyLock<Regex> =
    LazyLock::new(|| pattern::constant(r"\{\{[^}]*\b(?:if|or|and)\b|\{%"));

/// Matches a word that makes an expression choose.
static CHOICE: LazyLock<Regex> = LazyLock::new(|| pattern::constant(r"\b(?:if|or|and)\b"));

/// Matches a statement that gives an expression a name.
static SET: LazyLock<Regex> = LazyLock::new(|| pattern::constant(r"^\{%-?\s*set\s[^%]*=[^%]*%\}"));

/// A body's error, and its cure.
type Wrong = (String, &'static str);

/// Returns what is wrong with a JSON body in every call.
pub(super) fn json(source: &str, branches: &BTreeSet<String>) -> Option<Wrong> {
    let certain = certain(source);
    let is_whole = certain.len() == source.len();
    every_kind(TemplatePlace::Json, certain, branches, |rendered| {
        let text = match json::unmark(rendered) {
            Ok(text) => text,
            Err(JsonBodyError::Unquoted | JsonBodyError::Invalid(_)) => {
                return Some(unquoted());
            }
        };
        let error = json::parse(&text).err()?;
        // What follows could still end it.
        (is_whole || !error.is_eof()).then(|| never_json(&text, &error))
    })
}

/// Returns what is wrong with an XML body in every call.
pub(super) fn xml(source: &str, branches: &BTreeSet<String>) -> Option<Wrong> {
    if certain(source).len() < source.len() {
        return None;
    }
    every_kind(TemplatePlace::Xml, source, branches, |rendered| {
        let words = xml::check(rendered).err()?;
        let help = "write one element around all others, close every tag, and put attributes in \
                    quotes";
        Some((format!("the body can never be XML: {words}"), help))
    })
}

/// Returns the first error if a body has one with every kind of value.
fn every_kind(
    place: TemplatePlace,
    source: &str,
    branches: &BTreeSet<String>,
    wrong: impl Fn(&str) -> Option<Wrong>,
) -> Option<Wrong> {
    let mut templates = Templates::new();
    let handle = templates.add(place, "body", source).ok()?;
    let branches = Arc::new(branches.clone());
    let errors = KINDS.iter().map(|kind| {
        let scope = Scope::probe(*kind, Arc::clone(&branches));
        match templates.render(&handle, &scope.root()) {
            Ok(rendered) => wrong(&rendered).ok_or(()).map(Some),
            // Such a value cannot be calculated with; another one can.
            Err(_) => Ok(None),
        }
    });
    let errors: Vec<Option<Wrong>> = errors.collect::<Result<_, ()>>().ok()?;
    errors.into_iter().flatten().next()
}

/// Returns the start of a template whose text depends on no condition.
fn certain(source: &str) -> &str {
    let mut found = CONDITION.find_iter(source).map(|found| found.start());
    let is_plain = |start: usize| {
        let set = SET.find(&source[start..]);
        set.is_some_and(|set| !CHOICE.is_match(set.as_str()))
    };
    let first = found.find(|start| !is_plain(*start));
    first.map_or(source, |start| &source[..start])
}

fn unquoted() -> Wrong {
    let what = "the body can never be JSON: a value outside of quotes is always a text";
    (
        what.to_owned(),
        "put quotes around it, or write it with | tojson",
    )
}

fn never_json(text: &str, error: &serde_json::Error) -> Wrong {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or(&words);
    let (line, shown) = (error.line(), excerpt(text, error));
    let what = format!("the body can never be JSON: {words} on line {line} of it, at `{shown}`");
    let help = "write JSON around the values: names and texts in double quotes, and a whole value \
                as {{ flow.key.NAME | tojson }}";
    (what, help)
}

/// Returns the text around an error.
fn excerpt(text: &str, error: &serde_json::Error) -> String {
    let line = text.lines().nth(error.line().saturating_sub(1));
    let line = line.unwrap_or_default();
    // The column counts bytes.
    let end = line.floor_char_boundary(error.column().min(line.len()));
    let before: Vec<char> = line[..end].chars().rev().take(SHOWN).collect();
    let after = line[end..].chars().take(SHOWN);
    let shown = before.into_iter().rev().chain(after);
    shown.filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(source: &str) -> bool {
        let branches = BTreeSet::new();
        json(source, &branches).is_some()
    }

    #[test]
    fn a_body_that_can_never_be_json_is_refused() {
        for source in [
            "",
            "lead={{ flow.key.lead }}",
            "{'lead': {{ flow.key.lead | tojson }}}",
            "{lead: {{ flow.key.lead | tojson }}}",
            r#"{"lead": {{ flow.key.lead | tojson }},}"#,
            r#"{"lead": {{ flow.key.lead | tojson }}"#,
            r#"{"lead" {{ flow.key.lead | tojson }}}"#,
            r#"{"lead": ID-{{ flow.key.lead }}}"#,
            r#"{"lead": {{ flow.key.lead }}-{{ call.uuid }}}"#,
            r#"{"lead": "{{ flow.key.lead }}}"#,
            r#"{"lead": {{ "a text" }}}"#,
            r#"{"lead": {{ flow.key.lead ~ " a text" }}}"#,
            r#"{"lead": yes, "caller": "{{ call.caller_number }}"}"#,
            r#"{"a": 1, /* why */ "b": {{ call.talk_ms }}}"#,
            r#"{"a": {{ callDetails | tojson }} "b": 1}"#,
            r#"{% set lead = flow.key.lead %}{lead: {{ lead | tojson }}}"#,
            // Wrong before any condition.
            r#"{lead: 1, {% if flow.key.x %}"x": 1{% endif %}}"#,
            r#"{'a': {{ "b" if flow.key.x else "c" }}}"#,
        ] {
            assert!(is_refused(source), "{source}");
        }
    }

    #[test]
    fn a_body_that_some_call_makes_json_is_not_refused() {
        for source in [
            r#"{"lead": {{ flow.key.lead | tojson }}, "talk_ms": {{ call.talk_ms }}}"#,
            r#"{"lead": "{{ flow.key.lead }}", "n": {{ flow.key.n }}}"#,
            "{{ flow.key.document }}",
            "{{ document | tojson }}",
            "[{{ flow.key.list }}]",
            r#"{"s": {{ call.talk_ms }}e-3, "d": {{ callDetails[0].duration }}e-3}"#,
            r#"{"s": {{ call.talk_ms / 1000 }}, "n": {{ flow.key.n + 1 }}}"#,
            r#"{"a": "{{ flow.key.n | tojson }}"}"#,
            r#"{"a": 1{{ flow.key.n }}, "b": -{{ flow.key.n }}.5}"#,
            r#"{"u": {{ flow.key.x | upper | tojson }}, "l": {{ keys | length }}}"#,
            r#"[{{ flow.key.x | default("{}") | tojson }}, {{ [1, {"a": 2}] }}]"#,
            // What depends on a condition is not judged.
            r#"{% if flow.key.kind == "vip" %}{"vip": true}{% endif %}"#,
            r#"[{% for leg in callDetails %}{"n": {{ leg.calleeNumber | tojson }}}{% endfor %}]"#,
            r#"{"a": {{ 5 if flow.key.x == "vip" else "no" }}}"#,
            r#"{"a": {{ flow.key.x == "vip" and 5 or "no" }}}"#,
            r#"{"a": {% if flow.key.x %}1{% else %}2{% endif %}}"#,
            r#"{% set n = 5 if flow.key.x == "vip" else "no" %}{"a": {{ n }}}"#,
        ] {
            let branches = BTreeSet::new();
            assert_eq!(json(source, &branches), None, "{source}");
        }
    }

    #[test]
    fn the_error_names_its_line_and_shows_its_place() {
        let source = "{\n  \"ä\": {{ flow.key.n }},\n  lead: 1\n}";
        let (what, help) = json(source, &BTreeSet::new()).unwrap();
        assert!(what.contains("line 3"), "{what}");
        assert!(what.contains("lead: 1"), "{what}");
        assert!(help.contains("| tojson"), "{help}");
    }

    #[test]
    fn a_body_that_can_never_be_xml_is_refused() {
        let is_refused = |source| xml(source, &BTreeSet::new()).is_some();
        for source in [
            "",
            "<a>{{ flow.key.x }}",
            "<a x={{ flow.key.x }}/>",
            "<a/><b/>",
            "<a>{{ flow.key.x }}</b>",
        ] {
            assert!(is_refused(source), "{source}");
        }
        for source in [
            "<a x=\"{{ flow.key.x }}\">{{ call.uuid }}</a>",
            "<{{ flow.key.x }}/>",
            "{% if flow.key.x %}<a/>{% endif %}",
        ] {
            assert!(!is_refused(source), "{source}");
        }
    }
}
