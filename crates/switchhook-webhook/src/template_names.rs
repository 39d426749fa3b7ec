//! Finds the names that a template spells out, so that their headers are fetched before it is
//! rendered.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::context::{call_header, channel_headers, variable_headers};
use switchhook_core::variables::{JSON_KEYS, flow_key};

/// The known roots of names.
const ROOTS: [&str; 9] = [
    "flow",
    "call",
    "channel",
    "callDetails",
    "keys",
    "recordingUrls",
    "incomplete",
    "missing",
    "document",
];

/// Matches `channel["NAME"]` and `flow.key["NAME"]`. Less plain forms are found by rendering.
#[allow(clippy::expect_used)] // a constant pattern, compiled by every test of this module
static SUBSCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(channel|flow\.key)\s*\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\]"#)
        .expect("the pattern is valid")
});

/// The names that the templates of a webhook read.
#[derive(Debug, Default)]
pub(super) struct TemplateNames {
    /// Headers, `variable_` included.
    pub headers: BTreeSet<String>,
    /// Names that are prefixes of longer ones.
    pub(crate) branches: BTreeSet<String>,
    /// Names that exist only after the call, each with the setting that reads it.
    pub(crate) after_only: Vec<(String, String)>,
    /// Flow variables that a template compares with a number.
    pub(crate) compared: BTreeSet<String>,
}

/// Matches a name that is compared with a number, and the other way round.
#[allow(clippy::expect_used)] // a constant pattern, compiled by every test of this module
static COMPARISON: LazyLock<Regex> = LazyLock::new(|| {
    const NAME: &str =
        r#"((?:flow\.key|call)\.[A-Za-z0-9_.]+\b|channel\s*\[\s*(?:"[^"\\]*"|'[^'\\]*')\s*\])"#;
    const NUMBER: &str = r"-?[0-9]+(?:\.[0-9]+)?";
    const OPERATOR: &str = r"(?:<=|>=|==|!=|<|>)";
    Regex::new(&format!(
        r"\b{NAME}\s*{OPERATOR}\s*{NUMBER}|[^0-9A-Za-z_.]{NUMBER}\s*{OPERATOR}\s*{NAME}\s*(?:[^|\s]|$)"
    ))
    .expect("the pattern is valid")
});

impl TemplateNames {
    /// Adds the names of one template. Returns the unknown roots.
    pub(super) fn add(&mut self, names: &[String], source: &str) -> Vec<String> {
        for found in SUBSCRIPT.captures_iter(source) {
            let name = found
                .get(2)
                .or(found.get(3))
                .map_or("", |name| name.as_str());
            if &found[1] == "channel" {
                self.headers.extend(channel_headers(name));
            } else {
                self.headers.extend(variable_headers(&flow_key(name)));
            }
        }
        names
            .iter()
            .filter_map(|name| self.add_name(name))
            .collect()
    }

    /// Adds the flow variables that a template compares with a number. Returns other names that it
    /// compares so and that are always texts.
    pub(super) fn add_comparisons(&mut self, source: &str) -> Vec<String> {
        let mut texts = Vec::new();
        let found = expressions(source).flat_map(|text| COMPARISON.captures_iter(text));
        for found in found {
            let name = found.get(1).or(found.get(2));
            let name = name.map_or("", |name| name.as_str());
            if name.starts_with("flow.key.") {
                self.compared.insert(name.to_owned());
                self.headers.insert(format!("variable_{JSON_KEYS}"));
            } else if name
                .strip_prefix("call.")
                .is_none_or(|field| call_header(field).is_some())
            {
                texts.push(name.to_owned());
            }
        }
        texts
    }

    fn add_name(&mut self, name: &str) -> Option<String> {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        match root {
            "flow" => self.add_flow(name),
            "call" => self.headers.extend(call_header(rest).map(str::to_owned)),
            "channel" if !rest.is_empty() => self.headers.extend(channel_headers(rest)),
            _ => {}
        }
        (!ROOTS.contains(&root)).then(|| root.to_owned())
    }

    fn add_flow(&mut self, name: &str) {
        if !matches!(name, "flow" | "flow.key") {
            self.headers.extend(variable_headers(name));
        }
        let dots = name.match_indices('.');
        let prefixes = dots.map(|(at, _)| name[..at].to_owned());
        self.branches
            .extend(prefixes.filter(|prefix| prefix != "flow"));
    }
}

/// Returns the insides of a template's tags.
fn expressions(source: &str) -> impl Iterator<Item = &str> {
    let tags = source.split(['{']).skip(1);
    tags.filter_map(|tag| tag.split_once('}').map(|(inside, _)| inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_of_names_with_numbers_are_found() {
        let mut names = TemplateNames::default();
        let source = r#"{% if flow.key.n > 3 and 4 <= flow.key.m and call.uuid == 5 %}
            {% if channel["x"] != 1 and flow.key.i | int > 2 and 2 < flow.key.j | int %}
            call.uuid > 5 {% if call.talk_ms > 1000 and flow.key.s == "3" %}"#;
        assert_eq!(
            names.add_comparisons(source),
            ["call.uuid", r#"channel["x"]"#]
        );
        let compared: Vec<&str> = names.compared.iter().map(String::as_str).collect();
        assert_eq!(compared, ["flow.key.m", "flow.key.n"]);
    }

    #[test]
    fn the_headers_behind_names_are_known_before_a_template_is_rendered() {
        let mut names = TemplateNames::default();
        let spelled = ["flow.key.a.b", "call.uuid", "channel", "flaw.key.x"].map(str::to_owned);
        let unknown = names.add(
            &spelled,
            r#"{{ channel["sip_from_user"] }}{{ flow.key['c-d'] }}"#,
        );
        assert_eq!(unknown, ["flaw"]);
        let headers: Vec<&str> = names.headers.iter().map(String::as_str).collect();
        assert_eq!(
            headers,
            [
                "Unique-ID",
                "sip_from_user",
                "variable_flow.key.a.b",
                "variable_flow.key.a.b_b64",
                "variable_flow.key.c-d",
                "variable_flow.key.c-d_b64",
                "variable_sip_from_user"
            ]
        );
        assert!(names.branches.contains("flow.key.a"));
    }
}
