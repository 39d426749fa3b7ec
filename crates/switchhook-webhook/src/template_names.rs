//! Finds the names that a template spells out, so that their headers are fetched before it is
//! rendered.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::comparisons::Comparisons;
use super::context::{call_header, channel_headers, variable_headers};
use super::pattern;
use switchhook_core::variables::{JSON_KEYS, flow_key};

/// The known roots of names.
const ROOTS: [&str; 20] = [
    "flow",
    "call",
    "channel",
    "callDetails",
    "keys",
    "recordingUrls",
    "incomplete",
    "missing",
    "document",
    "type",
    "sequence",
    "time",
    "account",
    "leg",
    "other",
    "from",
    "lookup",
    "recording",
    "joined",
    "legs",
];

/// Matches `channel["NAME"]` and `flow.key["NAME"]`. Less plain forms are found by rendering.
static SUBSCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    pattern::constant(r#"\b(channel|flow\.key)\s*\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\]"#)
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
    /// What the templates compare with each other.
    pub(crate) comparisons: Comparisons,
}

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

    /// Adds the comparisons of one template, and the header that says which variables are numbers.
    /// Returns other names that it compares with numbers and that are always texts.
    pub(super) fn add_comparisons(&mut self, source: &str) -> Vec<String> {
        let texts = self.comparisons.add(source);
        if !self.comparisons.is_empty() {
            self.headers.insert(format!("variable_{JSON_KEYS}"));
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

#[cfg(test)]
mod tests {
    use super::*;

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
