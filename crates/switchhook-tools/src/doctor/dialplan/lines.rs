//! Checks that the extensions exist at which calls go on after their webhook: `NAME-line-0` and
//! `NAME-line-1`. Without one, the caller is hung up with NO_ROUTE_DESTINATION.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::DIALPLAN;
use super::extensions::{Action, Extension};
use super::hook_safety::{is_literal, shipped_calls};
use super::park_hook::parks;
use super::socket_action::sockets;
use crate::doctor::answers::Answers;
use crate::doctor::finding::Findings;

/// What stands between a hook's name and the line's number in its `transfer`.
const LINE: &str = "-line-${flow.line}";
/// The name before `-line-` for calls that name none.
const ROUTED: &str = "routed";
/// The context of the shipped hook's lines.
const FLOWS: &str = "flows";

/// The names before `-line-`, by context.
type Targets = BTreeMap<String, BTreeSet<String>>;

pub(super) fn judge(extensions: &[Extension], answers: &Answers, findings: &mut Findings) {
    let whole = answers.output(DIALPLAN);
    if whole.is_none_or(|xml| !xml.starts_with('<')) {
        return;
    }
    for (context, names) in targets(extensions) {
        judge_context(extensions, &context, &names, findings);
    }
}

fn judge_context(
    extensions: &[Extension],
    context: &str,
    names: &BTreeSet<String>,
    findings: &mut Findings,
) {
    let inside: Vec<&Extension> = extensions
        .iter()
        .filter(|extension| extension.context == context)
        .collect();
    let numbers = names
        .iter()
        .flat_map(|name| ["0", "1"].map(|line| format!("{name}-line-{line}")));
    let numbers: Vec<String> = numbers.collect();
    if inside.is_empty() {
        let what = format!(
            "calls go on at {} in the context {context}, which its dialplan does not have: the caller is hung up",
            numbers.join(", ")
        );
        let cure = format!(
            "add the context {context} with these extensions (freeswitch-conf/dialplan/flows.xml has an example)"
        );
        return findings.fault("lines", what, &cure);
    }
    let missing: Vec<&str> = numbers
        .iter()
        .filter(|number| !inside.iter().any(|extension| matches(extension, number)))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return findings.ok(
            "lines",
            format!("the context {context} has {}", numbers.join(", ")),
        );
    }
    let what = format!(
        "no extension of the context {context} matches {}: the caller is hung up there",
        missing.join(", ")
    );
    let cure = "add an extension for each, or correct the name behind -then-";
    findings.fault("lines", what, cure);
}

/// Returns where the calls of every hook go on.
fn targets(extensions: &[Extension]) -> Targets {
    let mut targets = Targets::new();
    for socket in sockets(extensions) {
        let transfer = socket.after().iter().find_map(transfer_to_line);
        let hook = socket.extension.context.as_str();
        if let Some((name, context)) = transfer {
            add(&mut targets, extensions, (name, context), (hook, "ask"));
        }
    }
    for park in parks(extensions) {
        let name = park
            .variable("flow.lines")
            .or(park.variable("flow.webhook"));
        let context = park.variable("flow.lines_context").unwrap_or(FLOWS);
        let to = (name.unwrap_or(ROUTED), context);
        add(&mut targets, extensions, to, (park.context(), "park"));
    }
    targets
}

/// Adds the name that a hook goes on at; for the shipped hook, all names that it is called with.
fn add(
    targets: &mut Targets,
    extensions: &[Extension],
    (name, context): (&str, &str),
    (hook, prefix): (&str, &str),
) {
    if !is_literal(context) {
        return;
    }
    let names: BTreeSet<String> = if is_literal(name) {
        [name.to_owned()].into()
    } else {
        let calls = shipped_calls(extensions, prefix, hook, &[]);
        calls.iter().map(|call| name_behind(call)).collect()
    };
    if !names.is_empty() {
        targets.entry(context.to_owned()).or_default().extend(names);
    }
}

/// Returns the name at which a call of the shipped hook, `-NAME-within-S-then-NAME`, goes on.
fn name_behind(call: &str) -> String {
    if let Some((_, then)) = call.split_once("-then-") {
        return then.to_owned();
    }
    let name = call.split("-within-").next().unwrap_or(call);
    let name = name.strip_prefix('-').unwrap_or(name);
    if name.is_empty() { ROUTED } else { name }.to_owned()
}

/// Returns name and context if the action is `transfer NAME-line-${flow.line} XML CONTEXT`.
fn transfer_to_line(action: &Action) -> Option<(&str, &str)> {
    if !action.is(&["transfer"]) {
        return None;
    }
    let mut words = action.data.split_whitespace();
    let name = words.next()?.strip_suffix(LINE)?;
    words.nth(1).map(|context| (name, context))
}

/// Tells whether an extension ends the search for this number. A pattern that only FreeSWITCH
/// understands counts as a match.
fn matches(extension: &Extension, number: &str) -> bool {
    let is_match = |pattern: &String| Regex::new(pattern).is_ok_and(|it| !it.is_match(number));
    !extension.continues && !extension.destinations.iter().any(is_match)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    const HOOK: &str = r#"<context name="switchhook"><extension name="ask"><condition field="destination_number" expression="^ask">
        <action application="socket" data="${switchhook} async full"/>
        <action application="transfer" data="${flow.then}-line-${flow.line} XML flows"/></condition></extension>
        <extension name="park"><condition field="destination_number" expression="^park">
        <action application="set" data="flow.webhook=${flow.ask}"/><action application="set" data="flow.lines=${flow.then}"/>
        <action application="set" data="flow.lines_context=flows"/><action application="park"/></condition></extension></context>"#;

    fn found(calls: &[&str], flows: &str) -> Vec<(Level, String)> {
        let call = |call: &&str| {
            format!(
                r#"<extension name="c"><condition><action application="execute_extension" data="{call} XML switchhook"/></condition></extension>"#
            )
        };
        let calls: String = calls.iter().map(call).collect();
        let xml =
            format!(r#"<section>{HOOK}<context name="phones">{calls}</context>{flows}</section>"#);
        let extensions = super::super::extensions::extensions(&xml).unwrap();
        let answers = Answers::canned(&[(DIALPLAN, &xml)]);
        let mut findings = Findings::about("switch");
        judge(&extensions, &answers, &mut findings);
        let found = findings.list().into_iter();
        found.map(|found| (found.level, found.what)).collect()
    }

    fn flows(patterns: &[&str]) -> String {
        let extension = |pattern: &&str| {
            format!(
                r#"<extension name="l"><condition field="destination_number" expression="{pattern}"><action application="answer"/></condition></extension>"#
            )
        };
        let inside: String = patterns.iter().map(extension).collect();
        format!(r#"<context name="flows">{inside}</context>"#)
    }

    #[test]
    fn lines_that_are_there_are_well() {
        for patterns in [
            &["^lookup-line-0$", "^lookup-line-1$"][..],
            &["^lookup-line-[01]$"],
            &[r"^[\w-]+-line-0$", r"^[\w-]+-line-1$"],
            // Only FreeSWITCH understands the first.
            &["^(?!x)lookup-line-0$", "^lookup-line-1$"],
        ] {
            let found = found(&["ask-lookup", "park-lookup-within-65"], &flows(patterns));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Level::Ok, "{found:?}");
        }
    }

    #[test]
    fn a_line_or_a_context_that_is_missing_is_told_before_the_first_caller() {
        let rows: [(&str, String, &str); 6] = [
            ("ask-lookup", flows(&["^lookup-line-0$"]), "matches lookup-line-1:"),
            ("ask-lookup-then-greet", flows(&["^greet-line-1$"]), "matches greet-line-0:"),
            ("ask", flows(&["^lookup-line-[01]$"]), "matches routed-line-0, routed-line-1:"),
            ("park-within-65-then-x", flows(&["^x-line-0$"]), "matches x-line-1:"),
            ("park-lookup", String::new(), "which its dialplan does not have"),
            (
                "ask-lookup",
                flows(&["^lookup-line-0$"]).replace(
                    "</context>",
                    r#"<extension name="all" continue="true"><condition field="destination_number" expression="."/></extension></context>"#,
                ),
                "matches lookup-line-1:",
            ),
        ];
        for (call, flows, words) in rows {
            let found = found(&[call], &flows);
            assert_eq!(found.len(), 1, "{call}: {found:?}");
            assert_eq!(found[0].0, Level::Fault, "{call}: {found:?}");
            assert!(found[0].1.contains(words), "{call}: {found:?}");
        }
    }

    #[test]
    fn a_hook_that_nobody_calls_needs_no_lines() {
        assert_eq!(found(&[], ""), []);
    }
}
