//! Finds the comparisons of flow variables in templates, and refuses those of a text with a number:
//! the engine would compare the kinds, so that `"2" > 3`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::context::{Scope, call_header};
use super::pattern;

const FLOW: &str = "flow.key.";

/// What a template compares with each other.
#[derive(Debug, Default)]
pub(super) struct Comparisons {
    /// Flow variables that are compared with numbers.
    numbers: BTreeSet<String>,
    /// Flow variables that are compared with texts in quotes.
    texts: BTreeSet<String>,
    /// Flow variables that are compared with each other.
    pairs: BTreeSet<(String, String)>,
}

/// Returns a pattern that matches a comparison of `left` with `right`.
fn comparison(left: &str, right: &str) -> String {
    format!(r"{left}\s*(?:<=|>=|==|!=|<|>)\s*{right}")
}

const NAME: &str =
    r#"((?:flow\.key|call)\.[A-Za-z0-9_.]+\b|channel\s*\[\s*(?:"[^"\\]*"|'[^'\\]*')\s*\])"#;
/// The end of a name to which nothing more is done.
const BARE: &str = r"\s*(?:[^|\s]|$)";

/// Matches a name that is compared with a number, and the other way round.
static WITH_NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"-?[0-9]+(?:\.[0-9]+)?";
    let left = format!(r"(?:^|[^0-9A-Za-z_.]){number}");
    either(number, &left)
});
/// Matches a name that is compared with a text in quotes, and the other way round.
static WITH_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"(?:"[^"]*"|'[^']*')"#;
    either(text, text)
});
/// Matches two names that are compared.
static WITH_NAME: LazyLock<Regex> = LazyLock::new(|| {
    let names = comparison(&format!(r"\b{NAME}"), &format!("{NAME}{BARE}"));
    pattern::constant(&names)
});

/// Matches a name left of `right`, or right of `left`.
fn either(right: &str, left: &str) -> Regex {
    let first = comparison(&format!(r"\b{NAME}"), right);
    let second = comparison(left, &format!("{NAME}{BARE}"));
    pattern::constant(&format!("{first}|{second}"))
}

impl Comparisons {
    /// Adds the comparisons of one template. Returns names other than flow variables that it
    /// compares with numbers and that are always texts.
    pub(super) fn add(&mut self, source: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for text in expressions(source) {
            for name in names(&WITH_NUMBER, text) {
                if name.starts_with(FLOW) {
                    self.numbers.insert(name);
                } else if is_always_text(&name) {
                    texts.push(name);
                }
            }
            let quoted = names(&WITH_TEXT, text);
            self.texts.extend(quoted.filter(|it| it.starts_with(FLOW)));
            self.pairs.extend(pairs(text));
        }
        texts
    }

    /// Whether any flow variable is compared.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.texts.is_empty() && self.pairs.is_empty()
    }

    /// Returns a sentence about a text that a template compares with a number in this call.
    pub(super) fn unequal_kinds(&self, scope: &Scope) -> Option<String> {
        let is_text = |name: &String| scope.is_text(name) == Some(true);
        let is_number = |name: &String| scope.is_text(name) == Some(false);
        if let Some(name) = self.numbers.iter().find(|name| is_text(name)) {
            return Some(sentence(name, "a text", "a number", "int"));
        }
        if let Some(name) = self.texts.iter().find(|name| is_number(name)) {
            return Some(sentence(name, "no text", "a text", "string"));
        }
        let mut pairs = self.pairs.iter();
        let (text, number) = pairs.find_map(|(left, right)| {
            let either = [(left, right), (right, left)];
            either.into_iter().find(|(a, b)| is_text(a) && is_number(b))
        })?;
        let other = format!("{number}, which is none");
        Some(sentence(text, "a text", &other, "int"))
    }
}

fn sentence(name: &str, kind: &str, other: &str, filter: &str) -> String {
    format!("a template compares {name}, which is {kind}, with {other}; write ({name} | {filter})")
}

fn names(comparison: &'static Regex, text: &str) -> impl Iterator<Item = String> {
    let found = comparison.captures_iter(text);
    found.filter_map(|found| {
        let name = found.get(1).or(found.get(2))?;
        Some(name.as_str().to_owned())
    })
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let found = WITH_NAME.captures_iter(text);
    let pairs = found.map(|found| (found[1].to_owned(), found[2].to_owned()));
    pairs.filter(|(left, right)| left.starts_with(FLOW) && right.starts_with(FLOW))
}

fn is_always_text(name: &str) -> bool {
    let field = name.strip_prefix("call.");
    field.is_none_or(|field| call_header(field).is_some())
}

/// Returns the insides of a template's tags.
fn expressions(source: &str) -> impl Iterator<Item = &str> {
    let tags = source.split(['{']).skip(1);
    tags.filter_map(|tag| tag.split_once('}').map(|(inside, _)| inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &BTreeSet<String>) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }

    #[test]
    fn comparisons_of_names_are_found() {
        let mut found = Comparisons::default();
        let source = r#"{% if flow.key.n > 3 and 4 <= flow.key.m and call.uuid == 5 %}
            {% if channel["x"] != 1 and flow.key.i | int > 2 and 2 < flow.key.j | int %}
            call.uuid > 5 {% if call.talk_ms > 1000 and flow.key.s == "3" %}
            {% if 'a' != flow.key.t and 'b' == flow.key.u | lower and call.uuid == "x" %}
            {{ flow.key.a >= flow.key.b }}{{ flow.key.c == flow.key.d | int }}
            {{ flow.key.e == call.uuid }}"#;
        assert_eq!(found.add(source), ["call.uuid", r#"channel["x"]"#]);
        assert_eq!(list(&found.numbers), ["flow.key.m", "flow.key.n"]);
        assert_eq!(list(&found.texts), ["flow.key.s", "flow.key.t"]);
        let pair = ("flow.key.a".to_owned(), "flow.key.b".to_owned());
        assert_eq!(found.pairs, BTreeSet::from([pair]));
    }
}
