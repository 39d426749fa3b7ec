//! Checks the flows that the dialplan names against the configuration.

use std::collections::BTreeSet;

use super::extensions::{Action, Extension};
use super::hook_safety::is_literal;
use crate::doctor::ExpectedSetup;
use crate::doctor::finding::Findings;

/// Warns of a `flow.name` that the configuration does not know: the documents of its calls are
/// posted nowhere.
pub(super) fn judge(extensions: &[Extension], expected: &ExpectedSetup, findings: &mut Findings) {
    let actions = extensions.iter().flat_map(|extension| &extension.actions);
    let named: BTreeSet<&str> = actions
        .filter_map(Action::assignment)
        .filter(|(name, value)| *name == "flow.name" && is_literal(value) && !value.is_empty())
        .map(|(_, value)| value)
        .collect();
    let unknown: Vec<&str> = named
        .into_iter()
        .filter(|name| !expected.flows.contains(*name))
        .collect();
    if unknown.is_empty() {
        return;
    }
    let what = format!(
        "the dialplan sets flow.name to flows that the configuration does not have: {}: nothing is posted for these calls",
        unknown.join(", ")
    );
    findings.warn(
        "flows",
        what,
        "add [flows.NAME], or correct the name in the dialplan",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::tests::expected;

    #[test]
    fn a_flow_that_the_configuration_does_not_have_is_told() {
        let expected = ExpectedSetup {
            flows: ["outbound".to_owned()].into(),
            ..expected()
        };
        for (name, unknown) in [
            ("outbound", None),
            ("outbuond", Some("outbuond")),
            ("${flow_of_trunk}", None),
        ] {
            let action = Action {
                application: "set".into(),
                data: format!("flow.name={name}"),
            };
            let extension = Extension {
                actions: vec![action],
                ..Extension::default()
            };
            let mut findings = Findings::about("switch");
            judge(&[extension], &expected, &mut findings);
            let found = findings.list();
            let words = unknown.map(|name| format!("does not have: {name}:"));
            assert_eq!(found.len(), usize::from(words.is_some()), "{found:?}");
            assert!(words.is_none_or(|words| found[0].what.contains(&words)));
        }
    }
}
