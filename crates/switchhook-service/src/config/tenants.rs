//! `[accounts.NAME]` and `[[routes]]`: further accounts, and which calls belong to them.

use switchhook_core::zone::Zone;
use toml_edit::Value;

use super::section::Section;
use super::sections::time_zone;
use super::value::{Parsed, Problem, display, identifier, non_empty, one_line, optional};
use switchhook_core::tenants::{Pattern, Route, without_plus};

/// `[accounts.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Receives the documents of the account's calls; the one of `[account]` never does. `None` is
    /// *Not Configured*.
    pub default_webhook: Option<String>,
    /// The time zone of times in its documents; `None` uses the one of `[account]`.
    pub time_zone: Option<Zone>,
}

pub(super) fn tenant(name: &str, mut section: Section<'_>) -> Tenant {
    if let Err(problem) = identifier(&Value::from(name)) {
        section.fault(
            "",
            Problem::new("is not a name for an account", problem.help),
        );
    }
    Tenant {
        default_webhook: section
            .get("default_webhook", optional(non_empty))
            .flatten(),
        time_zone: section.get("time_zone", optional(time_zone)).flatten(),
    }
}

pub(super) fn route(mut section: Section<'_>) -> Route {
    let what_fits = ["did", "context"];
    let what_is_said = ["account", "flow", "webhook"];
    for (keys, what, help) in [
        (
            &what_fits[..],
            "matches every call",
            "add did, context or both; settings for every call belong in [account] and [flows.default]",
        ),
        (
            &what_is_said[..],
            "has no effect",
            "add account, flow or webhook",
        ),
    ] {
        if !keys.iter().any(|key| section.has(key)) {
            section.fault("", Problem::new(what, help));
        }
    }
    Route {
        did: section.get("did", number),
        context: section.get("context", name),
        account: section.get("account", non_empty),
        flow: section.get("flow", non_empty),
        webhook: section.get("webhook", non_empty),
    }
}

fn number(value: &Value) -> Parsed<Pattern> {
    Ok(match pattern(value, &is_feature_code)? {
        Pattern::Exact(text) => Pattern::Exact(without_plus(&text).to_owned()),
        Pattern::Prefix(text) => Pattern::Prefix(without_plus(&text).to_owned()),
    })
}

/// Returns whether the text begins as a feature code does: in `*21#` the star is a digit.
fn is_feature_code(text: &str) -> bool {
    let rest = text.trim_start_matches(['*', '#']);
    rest.len() < text.len() && !rest.is_empty()
}

fn name(value: &Value) -> Parsed<Pattern> {
    pattern(value, &|_| false)
}

/// Reads a pattern. `stars` says of a text whether a star within it is a digit.
fn pattern(value: &Value, stars: &dyn Fn(&str) -> bool) -> Parsed<Pattern> {
    let text = one_line(value)?;
    let (text, is_prefix) = match text.strip_suffix('*') {
        Some(beginning) => (beginning, true),
        None => (text.as_str(), false),
    };
    if without_plus(text).is_empty() {
        let what = format!("{} matches everything", display(value));
        return Err(Problem::new(
            what,
            "leave the key out, or write more than + and *",
        ));
    }
    if text.contains(char::is_whitespace) || (text.contains('*') && !stars(text)) {
        let what = format!(
            "{} is neither a number or name nor the beginning of one",
            display(value)
        );
        let help = "write all of it, or its beginning and one * at the end";
        return Err(Problem::new(what, help));
    }
    Ok(if is_prefix {
        Pattern::Prefix(text.to_owned())
    } else {
        Pattern::Exact(text.to_owned())
    })
}
