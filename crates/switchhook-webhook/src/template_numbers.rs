//! Lets numbers calculate in templates that keep their text.
//!
//! A number prints as it came (`1.10`). The engine's own numbers do not, so such a number is an
//! object, with which the engine neither compares nor calculates. An expression that has operators
//! therefore gets the plain numbers of all names in it, by a filter that is put behind each.

use std::borrow::Cow;
use std::sync::LazyLock;

use minijinja::value::Value;
use regex::{Captures, Regex};

use super::{context, json, pattern};

/// The filter's name. No manual has it.
pub(super) const FILTER: &str = "plain_number";

const STRING: &str = r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"#;

/// Compiles a pattern whose dot matches line ends too.
fn pattern(text: &str) -> Regex {
    pattern::constant(&format!("(?s){text}"))
}

/// Matches a comment, an expression or a statement; the inside is a group of the last two.
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    let inside = format!(r#"((?:{STRING}|[^"'])*?)"#);
    pattern(&format!(
        r"\{{#.*?#\}}|\{{\{{{inside}\}}\}}|\{{%{inside}%\}}"
    ))
});
/// Matches a block that is no template.
static RAW: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{%[-+]?\s*raw\b"));
/// Matches a text in quotes, or a name with at least one field.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    let field = format!(r"\s*\.\s*\w+|\s*\[\s*(?:{STRING}|\w+)\s*\]");
    pattern(&format!(r"{STRING}|[A-Za-z_]\w*(?:{field})+"))
});
/// Matches a text in quotes, or what compares or calculates.
static OPERATOR: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"\b(?:in|is)\b";
    let filters = r"\|\s*(?:abs|float|int|round)\b";
    pattern(&format!(r"{STRING}|([<>+*/%-]|[=!]=|{words}|{filters})"))
});
/// Matches the condition of a loop.
static CONDITION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\sif\s"));

/// Returns a template in which names that calculate have plain numbers.
pub(super) fn with_numbers(source: &str) -> Cow<'_, str> {
    if RAW.is_match(source) {
        return Cow::Borrowed(source);
    }
    TAG.replace_all(source, |tag: &Captures<'_>| {
        let whole = &tag[0];
        let Some(inside) = tag.get(1).or(tag.get(2)) else {
            return whole.to_owned();
        };
        let inside = inside.as_str();
        format!(
            "{}{}{}",
            &whole[..2],
            calculating(inside),
            &whole[whole.len() - 2..]
        )
    })
}

/// Returns the inside of a tag with the filter behind each name, if it calculates.
fn calculating(inside: &str) -> Cow<'_, str> {
    // The marks that trim blanks (`{%-`) are no operators.
    let unmarked = |text: &str| text.trim_matches(['-', '+']).trim_start().to_owned();
    let start = match CONDITION.find(inside) {
        // What a loop goes through is a list.
        Some(found) if unmarked(inside).starts_with("for ") => found.start(),
        None if unmarked(inside).starts_with("for ") => return Cow::Borrowed(inside),
        Some(_) | None => 0,
    };
    let (before, rest) = inside.split_at(start);
    let expression = unmarked(rest);
    let mut operators = OPERATOR.captures_iter(&expression);
    if !operators.any(|found| found.get(1).is_some()) {
        return Cow::Borrowed(inside);
    }
    let mut out = before.to_owned();
    let mut copied = 0;
    for name in NAME.find_iter(rest) {
        out.push_str(&rest[copied..name.start()]);
        copied = name.end();
        if is_value(name.as_str(), &rest[name.end()..]) {
            out.push_str(&format!("({}|{FILTER})", name.as_str()));
        } else {
            out.push_str(name.as_str());
        }
    }
    out.push_str(&rest[copied..]);
    Cow::Owned(out)
}

/// Whether a match is a name that is read: no text, no method, and nothing that is set.
fn is_value(name: &str, behind: &str) -> bool {
    let behind = behind.trim_start();
    let is_set = behind.starts_with('=') && !behind.starts_with("==");
    !name.starts_with(['"', '\'']) && !behind.starts_with('(') && !is_set
}

/// Returns the plain number of a number that keeps its text, and other values as they are.
pub(super) fn plain_number(value: &Value) -> Value {
    let own = context::own_value(value);
    let value = own.as_ref().unwrap_or(value);
    json::plain_number(value).unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_calculate_where_an_expression_has_an_operator() {
        for (source, expected) in [
            ("{{ flow.key.n }}", "{{ flow.key.n }}"),
            ("{{ flow.key.n | tojson }}", "{{ flow.key.n | tojson }}"),
            (
                r#"{{ flow.key.a ~ "-" }} - 1"#,
                r#"{{ flow.key.a ~ "-" }} - 1"#,
            ),
            ("{{- flow.key.n -}}", "{{- flow.key.n -}}"),
            (
                "{{ flow.key.n + 1 }}",
                "{{ (flow.key.n|plain_number) + 1 }}",
            ),
            (
                "{%- if flow.key.n > 3 -%}",
                "{%- if (flow.key.n|plain_number) > 3 -%}",
            ),
            (
                r#"{% if 'a.b' == flow.key["n"] %}"#,
                r#"{% if 'a.b' == (flow.key["n"]|plain_number) %}"#,
            ),
            ("{{ leg.n | int }}", "{{ (leg.n|plain_number) | int }}"),
            (
                "{% set ns.total = ns.total + leg.ms %}",
                "{% set ns.total = (ns.total|plain_number) + (leg.ms|plain_number) %}",
            ),
            ("{% for name in flow.key %}", "{% for name in flow.key %}"),
            (
                "{% for key in document.keys if key.value > 3 %}",
                "{% for key in document.keys if (key.value|plain_number) > 3 %}",
            ),
            (
                r#"{{ loop.cycle("a", leg.n) - 1 }}"#,
                r#"{{ loop.cycle("a", (leg.n|plain_number)) - 1 }}"#,
            ),
            ("{# a.b > 1 #}", "{# a.b > 1 #}"),
            (r#"{{ "}} a.b > 1" }}"#, r#"{{ "}} a.b > 1" }}"#),
            (
                "{% raw %}{{ a.b > 1 }}{% endraw %}",
                "{% raw %}{{ a.b > 1 }}{% endraw %}",
            ),
            ("{{ 1.5 > 1 }} a.b > 1", "{{ 1.5 > 1 }} a.b > 1"),
        ] {
            assert_eq!(with_numbers(source), expected);
        }
    }
}
