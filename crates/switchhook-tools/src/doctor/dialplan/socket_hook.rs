//! Checks the `socket` actions, and whether they connect to this service.

use std::collections::BTreeSet;

use super::extensions::Extension;
use super::hook_safety::HookCheck;
use super::hosts::{HostLocation, hosts, locate, variables};
use super::socket_action::sockets;
use crate::doctor::ExpectedSetup;
use crate::doctor::answers::Answers;
use crate::doctor::finding::Findings;

const COPY: &str =
    "copy freeswitch-conf/dialplan/switchhook.xml, which does all of it, and reloadxml";

/// Checks that some `socket` action hands calls to us so that no failure strands them. `parked`
/// says that a `park` action already does.
pub(super) fn judge(
    extensions: &[Extension],
    answers: &Answers,
    expected: &ExpectedSetup,
    parked: bool,
    findings: &mut Findings,
) {
    let mut targets = BTreeSet::new();
    let mut reached = false;
    for socket in sockets(extensions) {
        let text = socket.expanded(answers);
        let list = text.split(' ').next().unwrap_or_default();
        let hosts = hosts(list);
        let locations: Vec<_> = hosts
            .iter()
            .map(|host| locate(host, expected.listen, answers.same_machine))
            .collect();
        if locations.contains(&HostLocation::Ours) || locations.contains(&HostLocation::Unknown) {
            reached = true;
            if locations.contains(&HostLocation::Ours) {
                findings.ok(
                    "hook",
                    format!(
                        "{} hands calls over to {}",
                        socket.extension.location(),
                        expected.listen
                    ),
                );
            } else {
                let what = format!(
                    "{} hands calls over to {list}; it is not known whether that is {}",
                    socket.extension.location(),
                    expected.listen
                );
                findings.note("hook", what, &unknown_cure(list));
            }
            HookCheck {
                socket,
                extensions,
                expected,
                findings,
            }
            .run(&text, &hosts);
        } else {
            targets.insert(list.to_owned());
        }
    }
    let only_parks = parked && targets.is_empty();
    if !reached && !only_parks {
        no_hook(&targets, extensions.len(), expected, findings);
    }
}

fn unknown_cure(list: &str) -> String {
    match variables(list).first() {
        Some(name) => format!(
            "set the global variable {name} in vars.xml to host:port of [listen] esl, and restart the switch or global_setvar it"
        ),
        None => "compare it with [listen] esl".to_owned(),
    }
}

fn no_hook(
    targets: &BTreeSet<String>,
    extensions: usize,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) {
    if targets.is_empty() {
        let what = format!(
            "none of its {extensions} extensions hands a call over: there is no socket action"
        );
        return findings.warn("hook", what, COPY);
    }
    let targets: Vec<_> = targets.iter().map(String::as_str).collect();
    let what = format!(
        "its socket actions go to {}, and none to {} ([listen] esl)",
        targets.join(", "),
        expected.listen
    );
    findings.warn(
        "hook",
        what,
        "write the address of [listen] esl in the dialplan, or set [listen] esl to the dialplan's address",
    );
}

#[cfg(test)]
#[path = "socket_hook_tests.rs"]
mod tests;
