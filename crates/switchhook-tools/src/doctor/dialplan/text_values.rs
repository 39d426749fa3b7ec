//! Finds text from a webhook in the argument of an application that parses it. Such text can act
//! there even without a `$`, so it must be mapped as a word or digits.

use std::collections::{BTreeMap, BTreeSet};

use super::extensions::{Action, Extension};
use crate::doctor::ExpectedSetup;
use crate::doctor::finding::Findings;
use switchhook_webhook::options::ValueKind;

/// Applications that parse their argument: destinations, file names with parameters, lists of
/// assignments, commands.
const PARSING_APPLICATIONS: [&str; 17] = [
    "transfer",
    "sched_transfer",
    "bridge",
    "att_xfer",
    "playback",
    "endless_playback",
    "loop_playback",
    "sched_broadcast",
    "play_and_get_digits",
    "execute_extension",
    "originate",
    "multiset",
    "socket",
    "system",
    "bgsystem",
    "lua",
    "javascript",
];

/// Most passes over the dialplan to follow text from variable to variable.
const PASSES: usize = 8;

pub(super) fn judge(extensions: &[Extension], expected: &ExpectedSetup, findings: &mut Findings) {
    let texts = text_variables(extensions, expected);
    let mut worst: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for extension in extensions {
        for action in extension
            .actions
            .iter()
            .filter(|action| action.is(&PARSING_APPLICATIONS))
        {
            for name in read_variables(action, &texts) {
                let key = (name, action.application.clone());
                worst.entry(key).or_default().push(extension.location());
            }
        }
    }
    if worst.is_empty() {
        return findings.ok(
            "values",
            "no text of a webhook was found in the argument of an application that parses it",
        );
    }
    for ((name, application), locations) in worst {
        let what = format!(
            "{application} is given ${{{name}}}, which can be any text of a webhook's answer, and parses it ({})",
            shown_places(&locations)
        );
        findings.warn(
            "values",
            what,
            "map it as = \"word\" or \"digits\", or choose among fixed arguments with a condition",
        );
    }
}

fn shown_places(locations: &[String]) -> String {
    match locations {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
        [] => String::new(),
    }
}

/// Returns the variables that can hold text of an answer, directly or copied by `set` or `export`.
fn text_variables(extensions: &[Extension], expected: &ExpectedSetup) -> BTreeSet<String> {
    let of_answers = expected
        .values
        .iter()
        .filter(|(_, kind)| **kind == ValueKind::Text);
    let mut texts: BTreeSet<String> = of_answers.map(|(name, _)| name.clone()).collect();
    let actions = || extensions.iter().flat_map(|extension| &extension.actions);
    for _ in 0..PASSES {
        let new: BTreeSet<String> = actions()
            .filter_map(Action::assignment)
            .filter(|(name, value)| {
                !texts.contains(*name) && texts.iter().any(|text| reads(value, text))
            })
            .map(|(name, _)| name.to_owned())
            .collect();
        if new.is_empty() {
            break;
        }
        texts.extend(new);
    }
    texts
}

fn read_variables<'t>(action: &Action, texts: &'t BTreeSet<String>) -> Vec<&'t str> {
    let is_read = |name: &&String| reads(&action.data, name);
    texts.iter().filter(is_read).map(String::as_str).collect()
}

/// Tells whether the text reads the variable: `${name}`, `${name:0:3}` or `${name[1]}`.
fn reads(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        let ends = |rest: &str| rest.starts_with(['}', ':', '[']);
        if rest.strip_prefix(name).is_some_and(ends) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::doctor::tests::expected;

    fn found(actions: &str) -> Vec<(Level, String)> {
        let xml = format!(
            "<section><context name=\"c\"><extension name=\"e\"><condition>{actions}</condition></extension></context></section>"
        );
        let expected = ExpectedSetup {
            values: [
                ("flow.key.name".to_owned(), ValueKind::Text),
                ("flow.key.queue".to_owned(), ValueKind::Word),
                ("flow.key.number".to_owned(), ValueKind::Digits),
            ]
            .into(),
            ..expected()
        };
        let extensions = super::super::extensions::extensions(&xml).unwrap();
        let mut findings = Findings::about("switch");
        judge(&extensions, &expected, &mut findings);
        findings
            .list()
            .into_iter()
            .map(|finding| (finding.level, finding.what))
            .collect()
    }

    fn action(application: &str, data: &str) -> String {
        format!("<action application=\"{application}\" data=\"{data}\"/>")
    }

    #[test]
    fn text_is_dangerous_only_where_there_is_a_grammar() {
        for (application, data, is_bad) in [
            ("transfer", "${flow.key.name} XML flows", true),
            ("bridge", "user/${flow.key.name:0:4}@x", true),
            ("Playback", "/x/${flow.key.name}.wav", true),
            ("execute_extension", "ask-${flow.key.name}", true),
            ("multiset", "a=${flow.key.name}", true),
            ("transfer", "${regex(${flow.key.name}|x)}", true),
            ("transfer", "${flow.key.queue} XML flows", false),
            ("bridge", "user/${flow.key.number}@x", false),
            ("transfer", "${flow.key.names} XML flows", false),
            ("transfer", "${flow.key.own} XML flows", false),
            ("log", "NOTICE ${flow.key.name}", false),
            ("set", "a=${flow.key.name}", false),
        ] {
            let found = found(&action(application, data));
            let level = if is_bad { Level::Warning } else { Level::Ok };
            assert_eq!(found[0].0, level, "{application} {data}: {found:?}");
        }
    }

    #[test]
    fn a_copy_is_as_dangerous_and_each_variable_is_reported_once() {
        let copied = action("set", "a=${flow.key.name}") + &action("export", "nolocal:b=x${a}");
        let found = found(&(copied + &action("bridge", "${b}") + &action("bridge", "${b}")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.contains("bridge is given ${b}") && found[0].1.contains("and 1 more"));
    }
}
